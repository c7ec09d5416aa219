"""The settings of the tests: the service's, without what only costs time.

Passwords are hashed in one round instead of a million. SQLite leaves syncing to the
kernel: its data survives a crash of the process, but not of the machine. With
``TEST_DURABLE``, for services that are killed, the service's own setting stays.
"""

import os

from xmppservice.settings import *  # noqa: F403  (all of them)
from xmppservice.settings import DATABASES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

_options = DATABASES["default"].get("OPTIONS", {})
if "init_command" in _options and "TEST_DURABLE" not in os.environ:
    _options["init_command"] += " PRAGMA synchronous=OFF;"
