"""Tokens that lay readable in the database of a version before."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from xmppservice.api import tokens
from xmppservice.api.models import SCOPES, Token

pytestmark = pytest.mark.django_db(transaction=True)

OLD = "authtoken_token"
KEY = "0123456789abcdef0123456789abcdef01234567"


def test_an_old_token_still_opens_and_lies_readable_no_more():
    user = User.objects.create_user("juliet")
    call_command("migrate", "xmppservice", "0001", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {OLD} (key varchar(40) PRIMARY KEY,"
            " created timestamp NOT NULL, user_id integer NOT NULL)"
        )
        row = [KEY, timezone.now().replace(tzinfo=None), user.pk]
        cursor.execute(f"INSERT INTO {OLD} VALUES (%s, %s, %s)", row)

    call_command("migrate", "xmppservice", verbosity=0)

    token = tokens.find(KEY)
    assert token is not None
    assert (token.user, token.scopes) == (user, list(SCOPES))
    assert KEY not in str(Token.objects.values().get())
    assert OLD not in connection.introspection.table_names()
