"""The environment is read strictly: a typing error stops the start."""

import os
import subprocess
import sys

import pytest

from tests.service import ROOT


def check(tmp_path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DOCUMENT_PUBLIC", "yes", "DOCUMENT_PUBLIC must be true or false"),
        ("SEARCH_LIMIT", "many", "SEARCH_LIMIT must be a whole number"),
        ("XMPP_COMPONENT_PORT", "-1", "XMPP_COMPONENT_PORT must be a whole number"),
        ("HTTP_PORT", "99999", "HTTP_PORT must be a port"),
        ("PUBLIC_URL", "buddies.example.org", "PUBLIC_URL must be like https://"),
        ("PUBLIC_URL", "https://buddies.example.org/", "without a slash at its end"),
        ("PUBLIC_URL", "ftp://buddies.example.org", "PUBLIC_URL must be like"),
        ("PUBLIC_URL", "https://a.example?b", "PUBLIC_URL must be like"),
        ("TIME_ZONE", "Rome", "TIME_ZONE must be a name of the tz database"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be one of DEBUG, INFO"),
        ("DATABASE_URL", "garbage", "DATABASE_URL must be like sqlite:///FILE"),
        ("VAR_DIR", "/dev/null/here", "VAR_DIR: /dev/null/here: Not a directory"),
    ],
)
def test_a_bad_value_names_its_variable(tmp_path, name, value, sentence):
    done = check(tmp_path, **{name: value})
    assert done.returncode != 0
    assert sentence in done.stderr


def test_secrets_are_made_once_and_for_nobody_else_to_read(tmp_path):
    assert check(tmp_path).returncode == 0
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(made) == {"secret-key", "xmpp-secret", "address-book-key"}
    assert all(path.stat().st_mode & 0o77 == 0 for path in tmp_path.iterdir())

    check(tmp_path)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made


def test_a_given_secret_is_not_written(tmp_path):
    check(tmp_path, SECRET_KEY="given", XMPP_SECRET="given", ADDRESS_BOOK_KEY="given")
    assert list(tmp_path.iterdir()) == []
