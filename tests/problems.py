"""Problems of the API (RFC 9457), as tests read them."""

from typing import Any


def reasons(answer: Any) -> dict[str, list[str]]:
    """What is wrong with each field of a request, by its dotted name.

    ``__all__`` is the request as a whole.
    """
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, list[str]] = {}
    for error in answer.json()["errors"]:
        steps = error["pointer"].removeprefix("#").removeprefix("/").split("/")
        found.setdefault(".".join(steps) or "__all__", []).append(error["detail"])
    return found
