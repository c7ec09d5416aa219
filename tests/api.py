"""API clients for tests, and a reader of problem responses (RFC 9457)."""

from typing import Any

from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient


def client_of(*permissions: str, name: str = "nurse") -> APIClient:
    """A client of a new user with these permissions, by their codenames."""
    user = User.objects.create_user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = APIClient()
    client.force_authenticate(user)
    return client


def reasons(answer: Any) -> dict[str, list[str]]:
    """Return the errors of each field of a request, by its dotted name.

    ``__all__`` stands for the whole request.
    """
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, list[str]] = {}
    for error in answer.json()["errors"]:
        steps = error["pointer"].removeprefix("#").removeprefix("/").split("/")
        found.setdefault(".".join(steps) or "__all__", []).append(error["detail"])
    return found
