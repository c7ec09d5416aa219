"""The settings of the tests: the service's, without what only costs time.

Passwords are hashed in one round instead of a million. SQLite leaves the moment of
writing to the kernel: what it has stored survives its own death, but not that of the
machine. A service that is killed has the service's own storage: ``TEST_DURABLE``.
"""

import os

from xmppservice.settings import *  # noqa: F403  (all of them)
from xmppservice.settings import DATABASES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

_options = DATABASES["default"].get("OPTIONS", {})
if "init_command" in _options and "TEST_DURABLE" not in os.environ:
    _options["init_command"] += " PRAGMA synchronous=OFF;"
