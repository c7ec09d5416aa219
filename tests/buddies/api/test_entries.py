"""The API of the tree and of the live document, in the contract's names."""

import re
import uuid
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.publishing import releases
from buddies.tree.positions import GAP
from tests.api import reasons
from tests.buddies.conftest import channel, group, outline
from xmppservice.api import tokens
from xmppservice.api.models import SCOPES

pytestmark = pytest.mark.django_db

BUDDIES = "/api/buddies/"
DOCUMENT = "/api/document/"


@pytest.fixture
def juliet() -> User:
    """An editor with all permissions on entries, and nothing else."""
    user = User.objects.create_user("juliet", password="wherefore")
    ours = Permission.objects.filter(content_type__app_label="buddies")
    user.user_permissions.set(ours.filter(content_type__model="buddy"))
    return user


@pytest.fixture
def api(juliet: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(juliet)
    return client


NAMED = re.compile(r"\(\?P<\w+>\[\^/\.\]\+\)")
BELL = "Contains the control character U+0007, which XMPP cannot carry."


def url(buddy: Buddy) -> str:
    return f"{BUDDIES}{buddy.pk}/"


# --- Who may ------------------------------------------------------------------


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

    # What the document looks like is no secret.
    assert answers.pop("/schemas/document-1.json") == 200

    assert APIClient().get("/healthz").status_code == 200
    assert answers.pop("/") == 302  # to the admin
    assert answers.pop("/favicon.ico") == 302
    assert answers.pop("/i18n/") == 302  # the language, back to where one was
    assert answers.pop("/webchat/") == 404  # where its setting says no more
    # Pictures are for everybody, and this is none.
    (picture,) = (path for path in answers if path.startswith("/media/"))
    assert answers.pop(picture) == 404
    # A notice is signed instead, and there is nothing to read.
    assert answers.pop("/api/accounts/events/") == 405
    assert set(answers) >= {DOCUMENT, BUDDIES, f"{BUDDIES}1/", "/api/accounts/"}
    assert set(answers.values()) == {401}


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", [BUDDIES, f"{BUDDIES}1/", DOCUMENT])
def test_nobody_writes_without_a_login(method, path):
    assert getattr(APIClient(), method)(path).status_code == 401


def test_a_wrong_token_is_refused():
    client = APIClient(headers={"Authorization": "Bearer 0123456789"})
    refused = client.get(BUDDIES)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_opens_the_api(juliet):
    _, secret = tokens.make(juliet, "montague", SCOPES, None)
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})

    assert client.get(BUDDIES).status_code == 200
    assert client.post(BUDDIES, ROMEO, format="json").status_code == 201


def test_a_session_opens_the_api_and_its_writes_need_the_csrf_token(juliet):
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
def test_each_permission_opens_what_it_names(permissions, codes):
    mario = channel("mario")
    user = User.objects.create_user("mario")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
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


# --- Entries ------------------------------------------------------------------

ROMEO = {
    "address": "romeo",
    "serverAddress": "bots",
    "type": "channel",
    "mobileIsPublished": True,
    "webIsPublished": False,
    "info": {
        "name": "Romeo",
        "status": "banished",
        "imageUrl": "http://....",
        "thumbUrl": "http://....",
        "defaultMessage": " Soft!\\n\n ",
    },
}


def test_an_entry_is_made_read_changed_and_deleted_in_the_names_of_the_contract(api):
    verona = group("verona")

    made = api.post(BUDDIES, {**ROMEO, "parent": verona.pk}, format="json")
    path = f"{BUDDIES}{made.json()['id']}/"
    read = api.get(path)
    renamed = api.patch(path, {"info": {"name": "Montague"}}, format="json")
    put = api.put(path, ROMEO, format="json")
    deleted = api.delete(path)

    assert made.status_code == 201
    assert read.json() == made.json()
    expected = {
        **ROMEO,
        "visibleFrom": None,
        "visibleUntil": None,
        "parent": verona.pk,
        "position": GAP,
        "id": made.json()["id"],
        "version": 3,
    }
    assert made.json() == expected
    info = {**ROMEO["info"], "name": "Montague"}
    assert renamed.json() == {**expected, "info": info, "version": 4}
    assert put.json() == {**expected, "version": 5}
    assert deleted.status_code == 204
    assert api.get(path).status_code == 404
    assert outline() == ["verona"]


def test_what_is_left_out_is_empty_and_hidden(api):
    made = api.post(BUDDIES, {"info": {"name": "Romeo"}}, format="json").json()

    assert uuid.UUID(made.pop("address"))
    assert made == {
        "id": Buddy.objects.get().pk,
        "version": 2,
        "visibleFrom": None,
        "visibleUntil": None,
        "parent": None,
        "position": GAP,
        "serverAddress": "",
        "type": "channel",
        "mobileIsPublished": False,
        "webIsPublished": False,
        "info": {
            "name": "Romeo",
            "status": "",
            "imageUrl": "",
            "thumbUrl": "",
            "defaultMessage": "",
        },
    }


def test_the_position_is_not_the_clients_to_set(api):
    channel("mario")

    made = api.post(BUDDIES, {**ROMEO, "position": 0}, format="json").json()
    changed = api.patch(f"{BUDDIES}{made['id']}/", {"position": 0}, format="json")

    assert made["position"] == changed.json()["position"] == 2 * GAP


def test_a_new_parent_moves_an_entry_to_its_end(api):
    house, romeo = group("house"), channel("romeo")
    channel("juliet", house)

    api.patch(url(romeo), {"parent": house.pk}, format="json")
    assert outline() == ["house", "  juliet", "  romeo"]

    api.patch(url(romeo), {"parent": None}, format="json")
    assert outline() == ["house", "  juliet", "romeo"]


def test_a_group_is_deleted_with_all_below(api):
    house = group("house")
    channel("romeo", house)

    assert api.delete(url(house)).status_code == 204
    assert outline() == []


def test_entries_come_in_pages(api):
    for number in range(3):
        channel(f"{number}")

    page = api.get(BUDDIES).json()

    assert [entry["info"]["name"] for entry in page["results"]] == ["0", "1", "2"]
    first = api.get(BUDDIES, {"pageSize": 2}).json()
    rest = api.get(first["next"]).json()
    names = [[e["info"]["name"] for e in page["results"]] for page in (first, rest)]
    assert names == [["0", "1"], ["2"]]
    assert rest["next"] is None


def test_entries_are_found_by_what_they_say(api):
    for name, status in (("romeo", "banished"), ("juliet", "fair")):
        channel(name, status=status)

    for word in ("rome", "banish"):
        page = api.get(BUDDIES, {"search": word}).json()
        assert [entry["address"] for entry in page["results"]] == ["romeo"]


def test_each_write_is_an_edit_of_the_user(api):
    made = api.post(BUDDIES, ROMEO, format="json").json()
    edits = [Tree.objects.get().editors]
    info = {"info": {"name": "Montague"}}
    api.patch(f"{BUDDIES}{made['id']}/", info, format="json")
    edits.append(Tree.objects.get().editors)
    api.delete(f"{BUDDIES}{made['id']}/")
    edits.append(Tree.objects.get().editors)

    assert [list(one) for one in edits] == [["juliet"]] * 3
    assert edits[0]["juliet"] < edits[1]["juliet"] < edits[2]["juliet"]


def test_a_write_of_what_is_there_already_is_no_edit(api):
    made = api.post(BUDDIES, ROMEO, format="json").json()
    before = Tree.objects.values().get()

    for method in (api.put, api.patch):
        again = method(f"{BUDDIES}{made['id']}/", ROMEO, format="json")
        assert (again.status_code, again.json()) == (200, made)
    api.patch(f"{BUDDIES}{made['id']}/", {}, format="json")

    assert Tree.objects.values().get() == before


def test_each_write_is_in_the_history_of_the_entry(api):
    made = api.post(BUDDIES, ROMEO, format="json").json()
    api.patch(f"{BUDDIES}{made['id']}/", {"webIsPublished": True}, format="json")
    api.delete(f"{BUDDIES}{made['id']}/")

    records = HistoricalBuddy.objects.filter(id=made["id"]).order_by("history_id")

    assert [record.history_type for record in records] == ["+", "~", "-"]
    assert {record.history_user_id for record in records} == {"juliet"}


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"info": {}}, {"info.name": ["This field is required."]}),
        ({"info": None}, {"info": ["This field may not be null."]}),
        ({"info": {"name": ""}}, {"info.name": ["This field may not be blank."]}),
        ({"type": "bot"}, {"type": ['"bot" is not a valid choice.']}),
        ({"address": "mario"}, {"address": ["Another entry has this address."]}),
        (
            {"mobileIsPublished": "perhaps"},
            {"mobileIsPublished": ["Must be a valid boolean."]},
        ),
        (
            {"serverAddress": "x" * 256},
            {"serverAddress": ["Ensure this field has no more than 255 characters."]},
        ),
        ({"serverAddress": "bell\x07"}, {"serverAddress": [BELL]}),
        (
            {"info": {**ROMEO["info"], "imageUrl": "\x07", "defaultMessage": "\x07"}},
            {"info.imageUrl": [BELL], "info.defaultMessage": [BELL]},
        ),
    ],
)
@pytest.mark.parametrize("method", ["post", "put"])
def test_a_refusal_names_the_field_as_the_wire_does(api, method, change, errors):
    channel("mario")
    romeo = channel("romeo", address="montague")
    path = BUDDIES if method == "post" else url(romeo)

    answer = getattr(api, method)(path, {**ROMEO, **change}, format="json")

    assert reasons(answer) == errors
    assert outline() == ["mario", "romeo"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "group"}, "A group has no server address."),
        ({"type": "group", "serverAddress": ""}, "A group has no default message."),
    ],
)
def test_a_group_takes_nothing_that_only_a_channel_has(api, change, reason):
    answer = api.post(BUDDIES, {**ROMEO, **change}, format="json")

    assert answer.status_code == 400
    assert reason in str(answer.json())


def test_an_entry_does_not_go_where_nothing_can_stand(api):
    verona, mario = group("verona"), channel("mario")
    house = group("house", verona)

    for change, errors in (
        ({"parent": house.pk}, {"parent": ["An entry cannot stand below itself."]}),
        ({"parent": mario.pk}, {"parent": ["Only a group can hold entries."]}),
        (
            {"type": "channel"},
            {"type": ["It holds entries, so it must stay a group: move them first."]},
        ),
        ({"parent": 0}, {"parent": ['Invalid pk "0" - object does not exist.']}),
    ):
        answer = api.patch(url(verona), change, format="json")
        assert reasons(answer) == errors
    assert outline() == ["verona", "  house", "mario"]


def test_what_is_not_json_is_refused(api):
    answer = api.post(BUDDIES, "{", content_type="application/json")
    assert answer.status_code == 400


# --- The document -------------------------------------------------------------


def test_the_document_is_the_live_release_byte_for_byte(api):
    channel("perché 🎭", default_message="a\\n\nb")
    release = releases.sync()
    channel("not live yet")

    answer = api.get(DOCUMENT)

    assert answer.content.decode() == release.body
    assert answer.headers["Content-Type"] == "application/json"


def test_before_the_first_release_the_document_is_empty(api):
    answer = api.get(DOCUMENT)
    assert answer.json() == {"items": []}


def test_whoever_has_the_live_document_gets_no_body(api):
    channel("romeo")
    seen = [api.get(DOCUMENT).headers["ETag"]]
    releases.sync()
    seen.append(api.get(DOCUMENT).headers["ETag"])

    fresh = api.get(DOCUMENT, headers={"If-None-Match": seen[0]})
    known = api.get(DOCUMENT, headers={"If-None-Match": f'"other", {seen[1]}'})

    assert fresh.status_code == 200
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["ETag"] == seen[1] != seen[0]


def test_the_empty_document_has_an_etag_too(api):
    tag = api.get(DOCUMENT).headers["ETag"]
    assert api.get(DOCUMENT, headers={"If-None-Match": tag}).status_code == 304


def test_a_public_document_is_public_alone(settings):
    private = APIClient().get(DOCUMENT)
    settings.DOCUMENT_PUBLIC = True
    public = APIClient().get(DOCUMENT)

    assert (private.status_code, public.status_code) == (401, 200)
    assert public.headers["Cache-Control"] == "public, no-cache"
    assert APIClient().get(BUDDIES).status_code == 401


def test_a_document_for_users_is_kept_by_no_shared_cache(api):
    assert api.get(DOCUMENT).headers["Cache-Control"] == "private, no-cache"


def test_any_user_may_read_the_document():
    client = APIClient()
    client.force_authenticate(User.objects.create_user("mario"))
    assert client.get(DOCUMENT).status_code == 200


@pytest.mark.parametrize("header", ["W/{tag}", "*"])
def test_a_weak_etag_is_known_too(client, settings, header):
    settings.DOCUMENT_PUBLIC = True
    tag = client.get(DOCUMENT).headers["ETag"]

    sent = {"If-None-Match": header.format(tag=tag)}

    assert client.get(DOCUMENT, headers=sent).status_code == 304


@pytest.fixture
def admin(admin_user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(admin_user)
    return client


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"parent": 1e999, "info": {"name": "x"}}',
        '{"parent": 1' + "0" * 30 + ', "info": {"name": "x"}}',
        '{"type": "\\ud800", "info": {"name": "x"}}',
        '{"info": {"name": "\\ud800"}}',
    ],
    ids=["deep", "infinite", "huge", "half a type", "half a name"],
)
def test_odd_json_is_a_bad_request(admin, body):
    answer = admin.post(BUDDIES, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()


def test_a_search_of_thousands_of_words_is_answered(admin):
    for path in (BUDDIES, "/api/accounts/"):
        assert admin.get(path, {"search": "x " * 3_000}).status_code == 200


def test_the_root_names_what_there_is(admin):
    found = admin.get("/api/").json()
    assert {"document", "tree", "buddies", "accounts", "commands"} <= found.keys()
    assert {admin.get(address).status_code for address in found.values()} == {200}


@pytest.mark.parametrize(
    ("field", "wire"), [("address", "address"), ("server_address", "serverAddress")]
)
def test_what_clients_know_as_an_address_stays_without_the_permission(field, wire):
    romeo = channel("romeo", server_address="bots")
    releases.sync()
    user = User.objects.create_user("tybalt")
    user.user_permissions.set(Permission.objects.filter(codename="change_buddy"))
    client = APIClient()
    client.force_authenticate(user)

    refused = client.patch(url(romeo), {wire: "elsewhere"}, format="json")
    same = client.patch(url(romeo), {wire: getattr(romeo, field)}, format="json")

    assert refused.status_code == 400
    known = ["Clients know this address, so it stays as it is."]
    assert reasons(refused) == {wire: known}
    assert same.status_code == 200
    romeo.refresh_from_db()
    assert (romeo.address, romeo.server_address) == ("romeo", "bots")
