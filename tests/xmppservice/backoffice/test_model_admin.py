"""No list reveals a column that it does not show, whatever its query string says."""

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.text import capfirst

from buddies.models import Buddy
from roster.commands import intake
from roster.models import Account, AddressBookEntry, Command, Flag, LateJoin
from tests.roster.conftest import JULIET, ROMEO, message, staff, users
from xmppservice.api import tokens
from xmppservice.backoffice.model_admin import StrictAdmin

pytestmark = pytest.mark.django_db

LOOKUPS = {
    *("exact", "iexact", "startswith", "istartswith", "endswith", "contains"),
    *("icontains", "regex", "iregex", "gt", "gte", "lt", "lte", "range"),
    *("in", "isnull", "year", "length"),
}
# What the lists' own filters use: every other parameter is refused.
FILTERS = {
    "auth.Group": set(),
    "auth.User": {
        *("is_staff__exact", "is_staff__isnull"),
        *("is_superuser__exact", "is_superuser__isnull"),
        *("is_active__exact", "is_active__isnull"),
        *("groups__id__exact", "groups__isnull"),
    },
    "buddies.Buddy": {
        *("type__exact", "type__isnull"),
        *("mobile_is_published__exact", "mobile_is_published__isnull"),
        *("web_is_published__exact", "web_is_published__isnull"),
    },
    "roster.Account": {
        *("enabled__exact", "enabled__isnull"),
        *("discoverable__exact", "discoverable__isnull"),
        *("gone", "flagged"),
    },
    "roster.Command": {"state", "command", "age"},
    "roster.Flag": {"state", "owner__id__exact"},
    "xmppservice.Token": set(),
}
# The entries are listed as a tree, too; this is their other list.
TITLES = {"buddies.Buddy": "Table"}
# Their list is a page of ours, which reads its own parameters only.
OWN_PAGES = {"buddies.Release"}
RELATED = (
    "owner__command__payload",
    "owner__addressbookentry__digest",
    "user__password",
    "user__token__digest",
    "user__logentry__object_repr",
    "claim__owner",
    "reasons__0__rule",
)
ADMINS = {model._meta.label: one for model, one in admin.site._registry.items()}

each_admin = pytest.mark.parametrize("label", FILTERS)


def listed(label: str) -> str:
    return reverse("admin:{}_{}_changelist".format(*label.lower().split(".")))


def names(model: type[Model], depth: int = 1) -> Iterator[str]:
    """The names of all columns, also of the related models."""
    for field in model._meta.get_fields():
        yield field.name
        if field.is_relation and field.related_model and depth:
            for name in names(field.related_model, depth - 1):
                yield f"{field.name}__{name}"


@pytest.fixture
def command() -> Command:
    payload = users(("Secret", "+39 347 999 9999"))
    intake.receive([message(id="one", payload=payload)])
    return Command.objects.get()


def test_every_model_admin_is_strict():
    assert ADMINS.keys() == {*FILTERS, *OWN_PAGES}
    assert all(isinstance(one, StrictAdmin) for one in ADMINS.values())


@each_admin
def test_a_list_takes_the_parameters_of_its_filters_only(label, rf: RequestFactory):
    request = rf.get("/")
    fields = {*names(ADMINS[label].model), *RELATED}
    params = {f"{name}__{lookup}" for name in fields for lookup in LOOKUPS} | fields
    allowed = {
        name for name in params if ADMINS[label].lookup_allowed(name, "1", request)
    }
    # Some filters have a name that is no column's.
    assert allowed == FILTERS[label] & params
    for name in FILTERS[label]:
        assert ADMINS[label].lookup_allowed(name, "1", request)


@each_admin
def test_a_list_has_a_title_and_filters_that_work(label, admin_client: Client):
    page = admin_client.get(listed(label))
    changelist = page.context["cl"]
    plural = capfirst(changelist.opts.verbose_name_plural)
    assert page.context["title"] == TITLES.get(label, plural)
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            sent = parse_qs(choice["query_string"].removeprefix("?"))
            assert sent.keys() <= FILTERS[label]
            assert admin_client.get(listed(label), sent).status_code == 200


@pytest.mark.parametrize(
    ("label", "params"),
    [
        ("roster.Command", {"payload__startswith": "{"}),
        ("roster.Command", {"answer__regex": "(a+)+$"}),
        ("roster.Command", {"e": "1", "payload__contains": "347"}),
        ("roster.Command", {"all": "", "_popup": "1", "payload__gt": "a"}),
        ("roster.Command", {"state": "dead\0"}),
        ("roster.Account", {"enabled__regex": "."}),
        ("roster.Account", {"flag__reasons__0__contains": "x"}),
        ("roster.Flag", {"owner__msisdn__startswith": "+39"}),
        ("auth.User", {"password__startswith": "pbkdf2"}),
        ("auth.User", {"token__digest__startswith": "a"}),
        ("auth.User", {"logentry__object_repr__iregex": "."}),
        ("auth.Group", {"user__password__startswith": "pbkdf2"}),
        ("xmppservice.Token", {"digest__startswith": "a"}),
        ("xmppservice.Token", {"user__password__contains": "a"}),
        ("buddies.Buddy", {"tree_depth": "1"}),
    ],
)
def test_another_parameter_is_refused(label, params, admin_client: Client):
    assert admin_client.get(listed(label), params).status_code == 400


@each_admin
def test_an_odd_value_of_a_filter_is_no_failure(label, admin_client: Client):
    for name in FILTERS[label]:
        for value in ("abc", "9" * 30, "٣"):
            answer = admin_client.get(listed(label), {name: value})
            assert answer.status_code in (200, 302)


@each_admin
def test_a_list_is_sorted_by_its_sortable_columns_only(label, admin_client: Client):
    changelist = admin_client.get(listed(label)).context["cl"]
    for place, name in enumerate(changelist.list_display):
        answer = admin_client.get(listed(label), {"o": f"-{place}"})
        assert answer.status_code == (200 if name in changelist.sortable_by else 302)


@pytest.mark.parametrize(
    "order", [".".join(["1"] * 3000), "-2.2", "99", "x", "1.-", "--1"]
)
def test_an_odd_order_is_refused(order, admin_client: Client):
    answer = admin_client.get("/admin/auth/user/", {"o": order})
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("?e=1")


@each_admin
def test_a_popup_and_a_page_are_found_by_their_key_only(label, admin_client: Client):
    model = ADMINS[label].model
    for field in model._meta.concrete_fields:
        expected = 200 if field.primary_key else 400
        answer = admin_client.get(listed(label), {"_to_field": field.name})
        assert answer.status_code == expected
        if not field.primary_key:
            page = f"{listed(label)}x/change/?_to_field={field.name}"
            assert admin_client.get(page).status_code in (400, 404)


@each_admin
def test_a_search_of_any_length_is_answered(label, admin_client: Client):
    for words in ("a " * 4000, "'" * 99, '"a', "\\", "%_", "a\0b"):
        assert admin_client.get(listed(label), {"q": words}).status_code == 200


def test_a_search_does_not_look_into_payloads(command):
    client = staff("view_command")
    for words in ("347", "channelUsers", "+39 347 999 9999", "Secret"):
        page = client.get(listed("roster.Command"), {"q": words})
        assert list(page.context["cl"].result_list) == []


def test_completion_offers_what_forms_complete_only(admin_client: Client):
    """Django answers for any relation of any model, registered or not."""
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if not field.is_relation:
                continue
            params = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": field.name,
            }
            is_offered = (model, field.name) == (Buddy, "parent")
            answer = admin_client.get("/admin/autocomplete/", params)
            assert answer.status_code == (200 if is_offered else 403)


def test_a_deletion_does_not_show_an_owners_contacts():
    romeo = Account.objects.create(jid=ROMEO)
    juliet = Account.objects.create(jid=JULIET)
    AddressBookEntry.objects.create(owner=romeo, digest=b"\xab\xcd\xef\x01" * 8)
    LateJoin.objects.create(owner=romeo, joined=juliet, place=1)

    client = staff("view_account", "delete_account")
    page = client.get(f"/admin/roster/account/{romeo.pk}/delete/").content.decode()

    assert ROMEO in page
    assert "abcdef01" not in page
    assert f"{juliet.pk} for {romeo.pk}" not in page
    counted = AddressBookEntry._meta.verbose_name_plural
    assert f"{counted}: 1" in page.lower()


def test_the_deletion_of_a_user_does_not_show_what_the_user_changed(admin_client):
    tybalt = User.objects.create(username="tybalt")
    LogEntry.objects.create(user=tybalt, object_repr=JULIET, action_flag=2)
    tokens.make(tybalt, "of a script", ["accounts:read"], None)

    page = admin_client.get(f"/admin/auth/user/{tybalt.pk}/delete/").content.decode()
    assert JULIET not in page
    assert "API tokens: 1" in page

    form = {"action": "delete_selected", "_selected_action": [tybalt.pk]}
    page = admin_client.post("/admin/auth/user/", form).content.decode()
    assert "tybalt" in page
    assert JULIET not in page


def test_pages_with_numbers_are_not_stored(command, admin_client: Client):
    romeo = Account.objects.create(jid=ROMEO)
    flag = Flag.objects.create(owner=romeo)
    account = f"/admin/roster/account/{romeo.pk}"
    pages = [
        *(listed(label) for label in FILTERS if label.startswith("roster.")),
        *(f"{account}/{word}/" for word in ("change", "delete", "history", "rehearse")),
        f"/admin/roster/command/{command.pk}/change/",
        f"/admin/roster/flag/{flag.pk}/change/",
        "/admin/delivery/",
        "/admin/?all",
    ]
    for page in pages:
        answer = admin_client.get(page)
        assert answer.status_code == 200
        assert "no-store" in answer.headers["Cache-Control"]


@each_admin
@pytest.mark.parametrize("text", ["romeo", "\0", "2027-13-45", "9" * 30])
def test_a_link_fills_in_only_what_the_form_accepts(label, text, admin_client: Client):
    model = ADMINS[label].model
    params = dict.fromkeys((field.name for field in model._meta.get_fields()), text)

    page = admin_client.get(listed(label) + "add/", params)

    assert page.status_code in (200, 403)  # some have no such form


def test_a_link_to_a_new_channel_names_its_type_and_group(admin_client: Client):
    group = Buddy.objects.create(type="group", name="Verona", address="verona")

    params = {"type": "group", "parent": group.pk}
    page = admin_client.get("/admin/buddies/buddy/add/", params)

    assert page.context["adminform"].form.initial.items() >= {
        ("type", "group"),
        ("parent", str(group.pk)),
    }


def test_a_flag_is_found_by_its_account(admin_client: Client):
    romeo, juliet = (Account.objects.create(jid=jid) for jid in (ROMEO, JULIET))
    flag = Flag.objects.create(owner=romeo)
    Flag.objects.create(owner=juliet)

    for key, found in ((romeo.pk, [flag]), (999, []), ("x", [])):
        page = admin_client.get(listed("roster.Flag"), {"owner__id__exact": key})
        assert list(page.context["cl"].result_list) == found


def test_a_user_who_may_only_view_users_sees_no_password_hash():
    tybalt = User.objects.create_user("tybalt", password="a password")
    page = staff("view_user").get(f"/admin/auth/user/{tybalt.pk}/change/")
    assert page.status_code == 200
    assert tybalt.password.rpartition("$")[2] not in page.content.decode()
