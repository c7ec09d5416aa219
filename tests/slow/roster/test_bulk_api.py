"""A request with the maximum number of accounts."""

import pytest

from roster.models import Account
from tests.api import reasons
from tests.roster.api.test_bulk import send
from tests.roster.conftest import ROMEO

pytestmark = pytest.mark.django_db


def test_ten_thousand_are_stored_and_more_are_refused(api):
    rows = [
        {"account": f"00393471{n:06}@localhost", "name": "x"} for n in range(10_000)
    ]

    stored, again = send(api, *rows), send(api, *rows)
    refused = send(api, *rows, {"account": ROMEO})

    assert stored.json()["created"] == Account.objects.count() == 10_000
    assert again.json()["unchanged"] == 10_000
    assert list(reasons(refused)) == ["accounts"]
