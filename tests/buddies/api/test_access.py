"""What a user and a token may do with entries."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from tests.buddies.api.entries_client import BUDDIES, DOCUMENT, ROMEO, url
from tests.buddies.conftest import channel, outline
from xmppservice.api import tokens
from xmppservice.api.models import SCOPES

pytestmark = pytest.mark.django_db


NAMED = re.compile(r"\(\?P<\w+>\[\^/\.\]\+\)|<int:\w+>")


def patterns(resolver: URLResolver, path: str = "/") -> Iterator[str]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from patterns(one, path + str(one.pattern))
        else:
            assert isinstance(one, URLPattern)
            yield path + str(one.pattern)


def test_every_url_but_the_public_ones_and_the_admin_needs_a_login():
    ours = {
        NAMED.sub("1", pattern).replace("^", "").replace("$", "")
        for pattern in patterns(get_resolver())
        if not pattern.startswith("/admin/")
    }

    answers = {path: APIClient().get(path).status_code for path in ours}

    # The login has the product's colours and logo; without a setting there is none.
    product = [path for path in answers if path.startswith("/product/")]
    assert len(product) == 2
    assert {answers.pop(path) for path in product} == {404}

    # The schemas are public.
    schemas = [path for path in answers if path.startswith("/schemas/")]
    assert len(schemas) == 5
    assert {answers.pop(path) for path in schemas} == {200}

    assert APIClient().get("/healthz").status_code == 200
    assert answers.pop("/") == 302  # to the admin
    assert answers.pop("/favicon.ico") == 302
    assert answers.pop("/i18n/") == 302  # sets the language and goes back
    assert answers.pop("/webchat/") == 404  # while WEBCHAT_URL is empty
    assert answers.pop("/c/<path:address>") == 404  # while CHANNEL_PAGES is off
    # Pictures are public, but this one does not exist.
    (picture,) = (path for path in answers if path.startswith("/media/"))
    assert answers.pop(picture) == 404
    # Notices are signed instead, and this URL only accepts POST.
    assert answers.pop("/api/accounts/events/") == 405
    assert set(answers) >= {DOCUMENT, BUDDIES, f"{BUDDIES}1/", "/api/accounts/"}
    assert set(answers.values()) == {401}


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", [BUDDIES, f"{BUDDIES}1/", DOCUMENT])
def test_writing_requires_a_login(method, path):
    assert getattr(APIClient(), method)(path).status_code == 401


def test_a_wrong_token_is_refused():
    client = APIClient(headers={"Authorization": "Bearer 0123456789"})
    refused = client.get(BUDDIES)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_gives_access_to_the_api(juliet):
    _, secret = tokens.make(juliet, "montague", SCOPES, None)
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})

    assert client.get(BUDDIES).status_code == 200
    assert client.post(BUDDIES, ROMEO, format="json").status_code == 201


def test_a_session_gives_access_but_writes_need_the_csrf_token(juliet):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(juliet)

    assert client.get(BUDDIES).status_code == 200
    assert client.post(BUDDIES, ROMEO, format="json").status_code == 403
    assert outline() == []


@pytest.mark.parametrize(
    ("permissions", "codes"),
    [
        ([], [403, 403, 403, 403, 403, 403]),
        (["view_buddy"], [200, 200, 403, 403, 403, 403]),
        (["add_buddy"], [403, 403, 201, 403, 403, 403]),
        (["change_buddy"], [403, 403, 403, 200, 200, 403]),
        (["delete_buddy"], [403, 403, 403, 403, 403, 204]),
    ],
)
def test_each_permission_allows_only_its_requests(permissions, codes):
    mario = channel("mario")
    user = User.objects.create_user("mario")
    # Each tree needs a permission of its own: see test_campaign_entries.py.
    codenames = [*permissions, "edit_live"]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = APIClient()
    client.force_authenticate(user)

    answers = [
        client.get(BUDDIES),
        client.get(url(mario)),
        client.post(BUDDIES, ROMEO, format="json"),
        client.put(url(mario), {**ROMEO, "address": "mario"}, format="json"),
        client.patch(url(mario), {}, format="json"),
        client.delete(url(mario)),
    ]

    assert [answer.status_code for answer in answers] == codes
