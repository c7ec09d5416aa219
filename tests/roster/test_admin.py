"""Finding and switching accounts; reading and clearing flags."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from roster import statistics
from roster.models import Account, Flag
from roster.pages import account_search
from tests.roster.conftest import JULIET, MARIO, ROMEO, staff
from xmppservice.backoffice import lists

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/roster/account/"
FLAGS = "/admin/roster/flag/"
MISSES = {"rule": "misses", "numbers": 8000, "hits": 1, "expected": 900}


def of(row: Account | Flag) -> str:
    return f"{ACCOUNTS if isinstance(row, Account) else FLAGS}{row.pk}/change/"


def page(client: Client, path: str, **query: str) -> str:
    return client.get(path, query).content.decode()


def messages_of(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# --- Accounts -----------------------------------------------------------------------


def test_an_account_is_created_with_its_number(admin_client: Client):
    form = {"jid": MARIO, "name": "Mario", "enabled": "on", "discoverable": "on"}

    assert admin_client.post(f"{ACCOUNTS}add/", form).status_code == 302

    mario = Account.objects.get()
    assert (mario.jid, mario.msisdn, mario.name) == (MARIO, "+393471111111", "Mario")


def test_an_account_is_switched_off(admin_client: Client):
    romeo = Account.objects.create(jid=ROMEO)

    admin_client.post(of(romeo), {"jid": ROMEO, "name": ""})

    romeo.refresh_from_db()
    assert (romeo.enabled, romeo.discoverable) == (False, False)


@pytest.mark.parametrize(
    ("jid", "reason"),
    [
        ("romeo", "Enter a JID without a resource"),
        ("romeo@localhost/phone", "Enter a JID without a resource"),
        ("romeo@elsewhere.example", "The domain must be one of XMPP_DOMAINS."),
        ("juliet@localhost", "Account with this JID already exists."),
        ("", "This field is required."),
    ],
)
def test_the_form_says_what_is_wrong_with_a_jid(admin_client: Client, jid, reason):
    Account.objects.create(jid="juliet@localhost")

    response = admin_client.post(f"{ACCOUNTS}add/", {"jid": jid})

    assert response.status_code == 200
    errors = response.context["adminform"].form.errors["jid"]
    assert any(text.startswith(reason) for text in errors)
    assert Account.objects.count() == 1


def account(jid: str, **fields: object) -> Account:
    one = Account(jid=jid, **fields)
    one.full_clean()
    one.save()
    return one


def found(client: Client, **query: str) -> list[str]:
    return [row.jid for row in client.get(ACCOUNTS, query).context["cl"].result_list]


@pytest.fixture
def several() -> None:
    account(MARIO, name="Mario Rossi")
    account("00393472222222@localhost", enabled=False)
    account(JULIET, name="Giulia", discoverable=False)
    account("00999@localhost", gone_at=timezone.now())
    flagged = account(ROMEO)
    Flag.objects.create(owner=flagged, reasons=[MISSES])
    before = Account.objects.get(jid=JULIET)
    Flag.objects.create(owner=before, reasons=[MISSES], released_at=timezone.now())


OTHER, SHORT = "00393472222222@localhost", "00999@localhost"


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("query", "jids"),
    [
        ({"q": "+39 347 111-1111"}, [MARIO]),
        ({"q": "00393471111111"}, [MARIO]),
        ({"q": "(0039) 347.111.11.11 "}, [MARIO]),
        ({"q": "+39 347"}, [MARIO, OTHER]),
        ({"q": "00393472"}, [OTHER]),
        ({"q": "347 111 1111"}, [MARIO]),
        ({"q": "0347-1111111"}, [MARIO]),
        ({"q": "tel:347-111-1111"}, [MARIO]),
        ({"q": "11111"}, []),  # too short for a number
        ({"q": "+1"}, []),
        # No account has this number, but a JID may still begin with it.
        ({"q": "00999"}, [SHORT]),
        ({"q": "00393471111111@"}, [MARIO]),
        ({"q": "ROMEO@"}, [ROMEO]),
        ({"q": "omeo"}, []),
        ({"q": "rossi"}, [MARIO]),
        ({"q": "0"}, [MARIO, OTHER, SHORT]),
        ({"q": " "}, [MARIO, OTHER, SHORT, JULIET, ROMEO]),
        ({"enabled__exact": "0"}, [OTHER]),
        ({"discoverable__exact": "0"}, [JULIET]),
        ({"gone": "1"}, [SHORT]),
        ({"gone": "0"}, [MARIO, OTHER, JULIET, ROMEO]),
        ({"gone": "perhaps"}, [MARIO, OTHER, SHORT, JULIET, ROMEO]),
        ({"flagged": "1"}, [ROMEO]),
        ({"flagged": "0"}, [MARIO, OTHER, SHORT, JULIET]),
        ({"flagged": "0", "gone": "0", "q": "+39"}, [MARIO, OTHER]),
    ],
)
def test_accounts_are_found(admin_client: Client, query, jids):
    assert found(admin_client, **query) == jids


@pytest.mark.usefixtures("several")
def test_a_prefix_with_very_many_matches_finds_the_same(
    admin_client: Client, monkeypatch
):
    words = ("0039", "+39 347", "0", "ju")
    few = [found(admin_client, q=word) for word in words]

    monkeypatch.setattr(account_search, "MAX_COUNTED", 0)

    assert [found(admin_client, q=word) for word in words] == few


def test_names_are_searched_among_the_newest_accounts(
    admin_client: Client, monkeypatch
):
    monkeypatch.setattr(statistics, "MAX_SEARCHED_ROWS", 1)
    account(MARIO, name="Mario Rossi")
    account(JULIET, name="Giulia Rossi")

    assert found(admin_client, q="Rossi") == [JULIET]


@pytest.mark.usefixtures("several")
def test_a_list_counts_no_further_than_it_shows(admin_client: Client, monkeypatch):
    monkeypatch.setattr(lists, "MAX_ROWS", 2)

    everybody = admin_client.get(ACCOUNTS).context["cl"]
    some = admin_client.get(ACCOUNTS, {"q": "0"}).context["cl"]

    assert (everybody.result_count, some.result_count) == (2, 2)
    assert [row.jid for row in some.result_list] == [MARIO, OTHER]


def test_the_number_of_queries_does_not_grow_with_the_rows(
    admin_client: Client, django_assert_max_num_queries
):
    account(ROMEO)
    with django_assert_max_num_queries(50) as few:
        found(admin_client)
    for number in range(50):
        row = account(f"user{number}@localhost", budget=1.0, budget_at=timezone.now())
        Flag.objects.create(owner=row, reasons=[MISSES])

    with django_assert_max_num_queries(len(few)):
        assert len(found(admin_client)) == 51


def test_a_row_shows_the_state_of_an_account(admin_client: Client, settings):
    settings.DISCOVERY_BURST, settings.DISCOVERY_PER_YEAR = 10_000, 0
    now = timezone.now().replace(2026, 5, 3, 12)
    gone = account(MARIO, gone_at=now, last_seen=now, budget=8796.0, budget_at=now)
    Flag.objects.create(owner=gone, reasons=[MISSES])

    html = page(admin_client, ACCOUNTS)

    for name, words in {
        "number": "+393471111111",
        "presence": "gone since 3 May 2026",
        "seen": "3 May 2026",
        "budget_used": "1,204 of 10,000",
        "flagged": '<span class="badge">flagged</span>',
    }.items():
        assert f'<td class="field-{name}">{words}</td>' in html
    assert "1 user is flagged" in html


def test_flags_are_hidden_without_the_permission_to_view_them():
    flagged = account(ROMEO)
    Flag.objects.create(owner=flagged, reasons=[MISSES])
    client = staff("view_account")

    assert "is flagged" not in page(client, ACCOUNTS)
    html = page(client, of(flagged))
    assert "Flagged since" not in html
    assert FLAGS not in html


def test_the_page_of_an_account_links_to_everything_about_it(admin_client: Client):
    romeo = account(ROMEO)
    assert "?owner__id__exact" not in page(admin_client, of(romeo))
    flag = Flag.objects.create(owner=romeo, reasons=[MISSES])

    html = page(admin_client, of(romeo))

    assert "Flagged since" in html
    for link in (
        of(flag),
        f"{FLAGS}?owner__id__exact={romeo.pk}",
        "/admin/roster/command/?q=romeo%40localhost",
        f"{ACCOUNTS}{romeo.pk}/rehearse/",
    ):
        assert f'href="{link}"' in html
        assert admin_client.get(link.replace("&amp;", "&")).status_code == 200


# --- Switching ----------------------------------------------------------------------


def switch(client: Client, action: str, *rows: Account):
    fields = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(ACCOUNTS, fields, follow=True)


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("enable", "enabled", True),
        ("disable", "enabled", False),
        ("show", "discoverable", True),
        ("hide", "discoverable", False),
    ],
)
def test_accounts_are_switched_together(admin_client: Client, action, field, value):
    rows = [account(jid, **{field: not value}) for jid in (ROMEO, JULIET)]
    rows.append(account(MARIO, **{field: value}))

    response = switch(admin_client, action, *rows)

    assert messages_of(response) == ["2 accounts changed."]
    assert set(Account.objects.values_list(field, flat=True)) == {value}
    logged = [str(one) for one in LogEntry.objects.all()]
    assert len(logged) == 2
    assert all(f"Changed {field}." in one for one in logged)
    assert messages_of(switch(admin_client, action, *rows)) == ["0 accounts changed."]


@pytest.mark.parametrize("action", ["disable", "hide"])
def test_a_hidden_account_no_longer_counts_as_announced(admin_client: Client, action):
    romeo, juliet = account(ROMEO), account(JULIET)
    Account.objects.update(announced=True)

    switch(admin_client, action, romeo)

    for row in (romeo, juliet):
        row.refresh_from_db()
    assert (romeo.announced, juliet.announced) == (False, True)


def test_an_account_that_becomes_visible_is_to_be_announced(admin_client: Client):
    romeo = account(ROMEO, enabled=False)

    switch(admin_client, "enable", romeo)

    romeo.refresh_from_db()
    assert romeo.visible
    assert not romeo.announced


def test_no_more_are_switched_than_the_list_counts(admin_client: Client, monkeypatch):
    monkeypatch.setattr(lists, "MAX_ROWS", 2)
    rows = [account(f"user{number}@localhost") for number in range(4)]
    fields = {"action": "disable", "_selected_action": [rows[0].pk]}

    admin_client.post(ACCOUNTS, {**fields, "select_across": "1"})

    assert Account.objects.filter(enabled=False).count() == 2


def test_view_permission_does_not_allow_switching():
    romeo = account(ROMEO)

    switch(staff("view_account"), "disable", romeo)

    romeo.refresh_from_db()
    assert romeo.enabled


def test_accounts_cannot_be_deleted_in_bulk(admin_client: Client):
    romeo = account(ROMEO)
    fields = {"action": "delete_selected", "_selected_action": [romeo.pk]}

    admin_client.post(ACCOUNTS, {**fields, "post": "yes"})

    assert Account.objects.get() == romeo


# --- Flagged owners -----------------------------------------------------------------


@pytest.fixture
def flag() -> Flag:
    return Flag.objects.create(owner=account(ROMEO), reasons=[MISSES])


@pytest.fixture
def nurse() -> Client:
    return staff("view_flag", "change_flag")


def test_a_flag_explains_its_reasons(nurse, flag):
    for path in (FLAGS, of(flag)):
        html = page(nurse, path)
        assert ROMEO in html
        assert "Only 1 of 8000 numbers are users" in html
    assert "no answers to searches" in html


def test_a_flag_can_be_cleared_from_its_page(nurse, flag):
    path = f"{FLAGS}{flag.pk}/release/"
    assert f'action="{path}"' in page(nurse, of(flag))

    response = nurse.post(path, follow=True)

    assert messages_of(response) == ["1 flag cleared."]
    flag.refresh_from_db()
    assert flag.released_by == "nurse"
    assert timezone.now() - flag.released_at < timedelta(minutes=1)
    html = page(nurse, of(flag))
    assert "/release/" not in html
    assert "None." in html
    assert "by nurse" in page(nurse, FLAGS)


def test_a_cleared_flag_keeps_the_name_of_who_cleared_it(nurse, flag):
    then = timezone.now() - timedelta(days=1)
    Flag.objects.update(released_at=then, released_by="anna")

    response = nurse.post(f"{FLAGS}{flag.pk}/release/", follow=True)

    assert messages_of(response) == ["0 flags cleared."]
    flag.refresh_from_db()
    assert (flag.released_at, flag.released_by) == (then, "anna")


def test_flags_can_be_cleared_from_the_list(nurse, flag):
    more = Flag.objects.create(owner=account(JULIET), reasons=[MISSES])
    fields = {"action": "release", "_selected_action": [flag.pk, more.pk]}

    response = nurse.post(FLAGS, fields, follow=True)

    assert messages_of(response) == ["2 flags cleared."]
    assert not Flag.objects.filter(released_at=None).exists()


def test_clearing_a_flag_needs_a_post_and_a_permission(flag):
    client = staff("view_flag")
    path = f"{FLAGS}{flag.pk}/release/"

    assert "/release/" not in page(client, of(flag))
    assert client.get(path).status_code == 405
    assert client.post(path).status_code == 403
    client.post(FLAGS, {"action": "release", "_selected_action": [flag.pk]})

    flag.refresh_from_db()
    assert flag.released_at is None


def test_clearing_a_flag_needs_a_csrf_token(flag, admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)

    assert client.post(f"{FLAGS}{flag.pk}/release/").status_code == 403


def test_clearing_a_flag_that_does_not_exist_is_not_found(admin_client: Client):
    assert admin_client.post(f"{FLAGS}99/release/").status_code == 404


def test_flags_are_read_only(admin_client: Client, flag):
    before = Flag.objects.values().get()

    assert admin_client.get(f"{FLAGS}add/").status_code == 403
    assert admin_client.post(of(flag), {"reasons": "[]"}).status_code == 403
    delete = f"{FLAGS}{flag.pk}/delete/"
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403

    assert Flag.objects.values().get() == before


def flagged(client: Client, **query: str) -> list[str]:
    rows = client.get(FLAGS, query).context["cl"].result_list
    return [row.owner.jid for row in rows]


def test_open_flags_come_first_and_flags_can_be_searched(nurse, flag):
    days = [timezone.now() - timedelta(days=number) for number in range(9)]
    juliet = account(JULIET)
    Flag.objects.update(raised_at=days[5])
    Flag.objects.create(owner=juliet, raised_at=days[1], released_at=days[0])
    Flag.objects.create(owner=account(MARIO), raised_at=days[2])

    assert flagged(nurse) == [MARIO, ROMEO, JULIET]
    assert flagged(nurse, state="open") == [MARIO, ROMEO]
    assert flagged(nurse, state="released") == [JULIET]
    assert flagged(nurse, q="+39 347 111 1111") == [MARIO]
    assert flagged(nurse, q="juliet") == [JULIET]
    assert flagged(nurse, q=" ") == [MARIO, ROMEO, JULIET]
    assert flagged(nurse, owner__id__exact=str(juliet.pk)) == [JULIET]


# --- Permissions --------------------------------------------------------------------


@pytest.mark.parametrize("path", [ACCOUNTS, f"{ACCOUNTS}add/", FLAGS])
def test_staff_without_a_permission_get_403(path):
    assert staff().get(path).status_code == 403


def test_anonymous_users_are_sent_to_the_login(client: Client, flag):
    for path in (ACCOUNTS, FLAGS, of(flag), of(flag.owner)):
        response = client.get(path)
        assert response.status_code == 302
        assert response.url.startswith("/admin/login/")


def test_view_permission_does_not_allow_changing_accounts():
    romeo = Account.objects.create(jid=ROMEO)
    client = staff("view_account")

    assert client.get(of(romeo)).status_code == 200
    assert client.post(of(romeo), {"jid": ROMEO}).status_code == 403
    assert client.post(f"{ACCOUNTS}add/", {"jid": MARIO}).status_code == 403

    assert Account.objects.get().enabled
