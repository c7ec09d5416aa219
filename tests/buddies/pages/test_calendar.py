"""The calendar of campaigns."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from buddies.models import Buddy, Campaign, Release
from buddies.publishing import applying, approvals, releases
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.conftest import EDITOR, channel, named
from tests.buddies.pages.versions_client import messages, page_text
from tests.buddies.pages.workspace_client import person
from tests.buddies.publishing.drafts import plan, publish, reviewed

pytestmark = pytest.mark.django_db

CAMPAIGNS = "/admin/buddies/buddy/channels/campaigns/"
CALENDAR = f"{CAMPAIGNS}calendar/"
ROME = ZoneInfo("Europe/Rome")
YEAR = timezone.now().year + 1
DECEMBER = f"{YEAR}-12"


@pytest.fixture(autouse=True)
def _rome(settings, db) -> None:
    settings.TIME_ZONE = "Europe/Rome"
    channel("romeo")
    channel("mario")
    releases.sync()


@pytest.fixture
def natale() -> Desk:
    """A campaign that is planned for the morning of Christmas Eve, without an end."""
    return planned("Natale", at(24))


def at(day: int, hour: int = 9, minute: int = 0, month: int = 12) -> datetime:
    return datetime(YEAR, month, day, hour, minute, tzinfo=ROME)


def planned(name: str, moment: datetime, ends_at: datetime | None = None) -> Desk:
    desk = Desk(name, colour=3)
    desk.edits.change([desk.named("romeo")], EDITOR, status=name)
    plan(desk, at=moment)
    Campaign.objects.filter(pk=desk.pk).update(ends_at=ends_at)
    return desk


def blocked(desk: Desk, moment: datetime) -> None:
    Campaign.objects.filter(pk=desk.pk).update(due_at=moment, blocked="conflicts")


def see(client: Client, month: str = DECEMBER):
    page = client.get(CALENDAR, {"month": month})
    assert page.status_code == 200
    return page


def bars(page) -> list[tuple[str, str, str]]:
    """Return each bar and line: its classes, its address and its text."""
    found = re.findall(
        r'<li class="((?:bar|line) [^"]*)"><a href="([^"]*)"[^>]*>(.*?)</a>',
        page.content.decode(),
    )
    return [(css, link, re.sub("<[^>]*>", "", text)) for css, link, text in found]


def events(page) -> list[str]:
    """Return the lines of the list."""
    html = page.content.decode()
    found = html[html.index('<ol class="events">') :]
    lines = re.findall(r"<li.*?</li>", found[: found.index("</ol>")], re.DOTALL)
    kept = [re.sub(r"<details>.*?</details>", "", one, flags=re.S) for one in lines]
    return [" ".join(re.sub("<[^>]*>", "", one).split()) for one in kept]


# --- What it shows --------------------------------------------------------------------


def test_a_planned_campaign_is_a_bar_to_its_review(publisher: Client, natale):
    review = f"{CAMPAIGNS}{natale.pk}/review/"

    found = bars(see(publisher))

    assert {link for _css, link, _text in found} == {review}
    css, _link, text = found[0]
    assert css.startswith("bar colour-3 planned from-")
    assert css.endswith("begins ends") or css.endswith("begins")
    assert text == "09:00 Natale"
    assert found[-1][0].endswith("fades")


def test_one_with_an_end_lasts_until_then(publisher: Client):
    planned("Natale", at(24), at(25, 18))
    column = at(24).isoweekday()
    classes = "bar colour-3 planned from-%d to-%d lane-1 %s"

    found = [css for css, _link, _text in bars(see(publisher))]

    if column == 7:  # it goes on in the next week
        assert found == [classes % (7, 7, "begins"), classes % (1, 1, "ends")]
    else:
        assert found == [classes % (column, column + 1, "begins ends")]


def test_a_published_campaign_leads_to_its_version(publisher: Client):
    desk = Desk("Now")
    desk.edits.change([desk.named("romeo")], EDITOR, name="Babbo")
    release = publish(desk)
    Release.objects.filter(pk=release.pk).update(created_at=at(1))

    page = see(publisher)

    css, link, text = bars(page)[0]
    assert "published" in css
    assert link == f"/admin/buddies/release/{release.pk}/change/"
    assert text == "09:00 Now"
    assert "Now went live" in page_text(page)


def test_one_that_was_taken_back_ended_then(publisher: Client):
    desk = Desk("Now")
    desk.edits.change([desk.named("romeo")], EDITOR, name="Babbo")
    release = publish(desk)
    Release.objects.filter(pk=release.pk).update(created_at=at(1))
    applying.take_back(desk.pk, EDITOR)
    Campaign.objects.update(ends_at=at(3))

    page = see(publisher)

    assert all("ended" in css for css, _link, _text in bars(page))
    assert "Now ended" in page_text(page)


def test_what_happens_is_in_words_and_in_order(publisher: Client, natale):
    Campaign.objects.update(ends_at=at(27, 0))
    Buddy.objects.filter(name="romeo").update(
        visible_from=at(25, 7), visible_until=at(26, 7, 30)
    )

    assert events(see(publisher)) == [
        f"24 Dec {YEAR}, 09:00 (Europe/Rome) Natale goes live",
        f"25 Dec {YEAR}, 07:00 (Europe/Rome) “romeo” appears",
        f"26 Dec {YEAR}, 07:30 (Europe/Rome) “romeo” is hidden",
        f"27 Dec {YEAR}, 00:00 (Europe/Rome) Natale ends",
    ]


def test_what_is_over_is_said_so(publisher: Client):
    Buddy.objects.filter(name="romeo").update(
        visible_from=datetime(2020, 5, 1, 8, tzinfo=UTC),
        visible_until=datetime(2020, 5, 2, 8, tzinfo=UTC),
    )

    assert events(see(publisher, "2020-05")) == [
        "1 May 2020, 10:00 (Europe/Rome) “romeo” appeared",
        "2 May 2020, 10:00 (Europe/Rome) “romeo” was hidden",
    ]


def test_the_blocked_are_first_in_each_month(publisher: Client, natale):
    stuck = planned("Stuck", at(26))
    blocked(stuck, at(26))
    text = (
        f"“Stuck” did not go live on 26 Dec {YEAR}, 09:00 (Europe/Rome): decisions are "
        "missing. Customers see what they saw before."
    )

    page = see(publisher)
    assert events(page) == [
        text,
        f"24 Dec {YEAR}, 09:00 (Europe/Rome) Natale goes live",
    ]
    (shown, *_more) = [one for one in bars(page) if "Stuck" in one[2]]
    assert " blocked " in shown[0]
    assert shown[2] == "blocked Stuck"
    assert events(see(publisher, f"{YEAR}-05")) == [text]


def test_one_that_could_not_end_stays_live(publisher: Client):
    desk = Desk("Now")
    desk.edits.change([desk.named("romeo")], EDITOR, name="Babbo")
    release = publish(desk)
    Release.objects.filter(pk=release.pk).update(created_at=at(1))
    Campaign.objects.update(ends_at=at(2), blocked="conflicts")

    page = see(publisher)

    assert bars(page)[-1][0].endswith("fades")
    assert events(page)[0].startswith("“Now” did not end on 2 Dec")


def test_schedules_of_entries_are_thin_lines(publisher: Client):
    Buddy.objects.filter(name="romeo").update(
        visible_from=at(2), visible_until=at(2, 18)
    )
    Buddy.objects.filter(name="mario").update(
        visible_from=at(2), web_is_published=False
    )

    ((css, link, text),) = bars(see(publisher))

    assert css.startswith("line entry from-")
    assert link == f"/admin/buddies/buddy/{named('romeo').pk}/change/"
    assert text == "romeo"


def test_an_entry_that_only_began_once_is_not_in_each_month(publisher: Client):
    Buddy.objects.filter(name="romeo").update(visible_from=at(2, month=5))
    Buddy.objects.filter(name="mario").update(
        visible_from=at(2, month=5),
        visible_until=at(31, month=12).replace(year=YEAR + 1),
    )

    assert {text for _css, _link, text in bars(see(publisher))} == {"mario"}
    shown = bars(see(publisher, f"{YEAR}-05"))
    assert {text for _css, _link, text in shown} == {"romeo", "mario"}


def test_more_lines_than_fit_are_counted(publisher: Client):
    for number in range(6):
        channel(f"c{number}", visible_from=at(15), visible_until=at(15, 20))

    page = see(publisher)

    assert len(bars(page)) == 3
    assert "+ 3 more" in page_text(page)
    assert len(events(page)) == 12


def test_campaigns_without_a_moment_are_named(publisher: Client):
    desk = Desk("Saldi")

    page = see(publisher)

    assert "Not planned yet Saldi" in page_text(page)
    assert f"{CAMPAIGNS}{desk.pk}/review/" in page.content.decode()
    assert events(page) == [
        "Nothing goes live, ends, appears or is hidden in this month."
    ]


def test_days_are_those_of_the_time_zone(publisher: Client):
    planned("Epifania", datetime(YEAR, 11, 30, 23, 30, tzinfo=UTC))

    assert events(see(publisher)) == [
        f"1 Dec {YEAR}, 00:30 (Europe/Rome) Epifania goes live"
    ]


def test_queries_do_not_grow_with_campaigns(publisher: Client, natale):
    publish_one("First")
    see(publisher)
    with CaptureQueriesContext(connection) as few:
        see(publisher)
    for number in range(5):
        planned(f"Campaign {number}", at(10 + number), at(20))
        Desk(f"Open {number}")
        channel(f"c{number}", visible_from=at(3), visible_until=at(9))
    publish_one("Second")

    with CaptureQueriesContext(connection) as many:
        see(publisher)

    assert len(many) == len(few)
    assert not any('"body"' in one["sql"] for one in many)


def publish_one(name: str) -> None:
    desk = Desk(name)
    desk.edits.change([desk.named("mario")], EDITOR, status=name)
    publish(desk)


# --- Its months -----------------------------------------------------------------------


def test_without_a_month_it_is_this_one(publisher: Client):
    page = publisher.get(CALENDAR)

    today = timezone.localdate()
    assert f'today" data-date="{today}"' in page.content.decode()


def test_its_links_lead_to_the_months_beside(publisher: Client):
    html = see(publisher).content.decode()

    assert f'rel="prev" href="{CALENDAR}?month={YEAR}-11"' in html
    assert f'rel="next" href="{CALENDAR}?month={YEAR + 1}-01"' in html


@pytest.mark.parametrize(
    "month",
    [
        "bad",
        "",
        "2026-13",
        "2026-00",
        "0001-01",
        "1999-12",
        "2101-01",
        "9999-12",
        "2026-1",
        "2026-01-01",
        "٢٠٢٦-01",
        "2026-01\x00",
        "-2026-01",
    ],
)
def test_another_month_is_refused_in_words(publisher: Client, month):
    page = see(publisher, month)

    now = f"{timezone.localdate():%Y-%m}"
    assert messages(page) == [f"Choose a month from 2000-01 to 2100-12, such as {now}."]
    assert f'data-date="{now}-01"' in page.content.decode()


@pytest.mark.parametrize(
    ("month", "absent"), [("2000-01", "prev"), ("2100-12", "next")]
)
def test_the_calendar_has_ends(publisher: Client, month, absent):
    html = see(publisher, month).content.decode()

    assert f'rel="{absent}"' not in html
    assert html.count('rel="prev"') + html.count('rel="next"') == 1


def test_the_list_of_campaigns_leads_to_it_and_back(publisher: Client):
    assert f'href="{CALENDAR}"' in publisher.get(CAMPAIGNS).content.decode()
    assert f'href="{CAMPAIGNS}"' in see(publisher).content.decode()


# --- Permissions ----------------------------------------------------------------------


def test_it_needs_the_permission_to_view(natale):
    assert person("nobody").get(CALENDAR).status_code == 403

    viewer = person("viewer", "", "view_buddy")
    html = see(viewer).content.decode()
    assert "Natale" in html
    assert "calendar.js" not in html
    assert "data-move" not in html
    assert "Move to" not in html


def test_only_publishers_move(natale, editor: Client, publisher: Client):
    html = see(publisher).content.decode()
    assert f'data-move="{CAMPAIGNS}{natale.pk}/move/"' in html
    assert 'data-time="09:00"' in html

    answer = post(editor, natale, shown(natale))

    assert answer.status_code == 403
    assert natale.campaign.due_at == at(24)


def test_without_versions_it_leads_to_the_list():
    desk = Desk("Now")
    publish(desk)

    page = see(person("viewer", "", "view_buddy"), f"{timezone.localdate():%Y-%m}")

    assert bars(page)[0][1] == CAMPAIGNS


# --- Moving ---------------------------------------------------------------------------


def shown(desk: Desk, moment: str = f"{DECEMBER}-20T09:00") -> dict[str, str]:
    """Return what a browser posts that shows the campaign as it is now."""
    campaign = desk.campaign
    due = campaign.due_at
    assert due is not None
    return {
        "at": moment,
        "version": str(campaign.version),
        "due": due.isoformat(),
    }


def post(client: Client, desk: Desk, body: dict[str, str]):
    address = f"{CAMPAIGNS}{desk.pk}/move/?month={DECEMBER}"
    return client.post(address, body, follow=True)


def refused(client: Client, desk: Desk, body: dict[str, str], words: str) -> None:
    before = desk.campaign.due_at
    page = post(client, desk, body)
    assert page.status_code == 200
    assert words in page_text(page)
    assert "Calendar" in page_text(page)
    assert desk.campaign.due_at == before


def test_it_moves_to_the_same_time_of_another_day(publisher: Client, natale):
    page = post(publisher, natale, shown(natale, f"{YEAR}-06-20T09:00"))

    assert page.redirect_chain == [(f"{CALENDAR}?month={YEAR}-06", 302)]
    assert messages(page) == [
        f"“Natale” goes live on 20 Jun {YEAR}, 09:00 (Europe/Rome)."
    ]
    assert natale.campaign.due_at == at(20, month=6)
    assert natale.campaign.planned_by == "prince"


def test_the_form_of_the_page_moves_it(publisher: Client, natale):
    html = see(publisher).content.decode()
    body = dict(re.findall(r'name="(at|version|due)" value="([^"]+)"', html))
    assert body["at"] == f"{DECEMBER}-24T09:00"

    post(publisher, natale, {**body, "at": f"{DECEMBER}-26T09:00"})

    assert natale.campaign.due_at == at(26)


def test_a_blocked_one_is_planned_again(publisher: Client, natale):
    blocked(natale, timezone.now() - timedelta(days=1))

    post(publisher, natale, shown(natale))

    assert (natale.campaign.due_at, natale.campaign.blocked) == (at(20), "")


def test_void_approvals_are_mentioned(publisher: Client, natale):
    approvals.approve(natale.pk, "nurse", reviewed(natale).digest)

    page = post(publisher, natale, shown(natale))

    assert messages(page)[1:] == [
        "Its approvals were for another moment, and are void: have it approved."
    ]


def test_a_stale_page_is_refused(publisher: Client, natale):
    body = shown(natale)
    natale.edits.change([natale.named("romeo")], "nurse", status="Ho ho")
    refused(publisher, natale, body, "Someone changed “Natale” in the meantime.")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2020-01-01T09:00", "That time has passed. Choose a time in the future."),
        (f"{YEAR + 6}-12-31T09:00", "Choose a moment within five years."),
        ("", "This field is required."),
        ("tomorrow", "Enter a valid date/time."),
        ("9999-12-31T23:59-05:00", "Choose a date between 2000 and 2100."),
    ],
)
def test_a_wrong_moment_is_refused(publisher: Client, natale, moment, words):
    refused(publisher, natale, shown(natale, moment), words)


def test_a_moment_after_the_end_is_refused(publisher: Client, natale):
    Campaign.objects.update(ends_at=at(27))
    words = f"“Natale” ends on 27 Dec {YEAR}, 09:00 (Europe/Rome). Choose an earlier"

    refused(publisher, natale, shown(natale, f"{DECEMBER}-27T09:00"), words)


def test_a_time_that_clocks_skip_or_repeat_is_asked_for(publisher: Client, natale):
    march = sunday(31, 3)
    typed = f"{march:%Y-%m-%d}T02:30"
    refused(publisher, natale, shown(natale, typed), "does not exist in Europe/Rome")

    typed = f"{sunday(31, 10):%Y-%m-%d}T02:30"
    page = post(publisher, natale, shown(natale, typed))
    assert "“Natale” was not moved" in page_text(page)
    assert "occurs twice in Europe/Rome" in page_text(page)
    # Only a text can have an offset.
    assert f'<input type="text" name="at" value="{typed}"' in page.content.decode()

    post(publisher, natale, shown(natale, f"{typed}+01:00"))
    assert natale.campaign.due_at == datetime.fromisoformat(f"{typed}+01:00")


def sunday(day: int, month: int) -> datetime:
    """Return the last Sunday of a month with 31 days."""
    last = datetime(YEAR, month, day)
    return last - timedelta(days=last.isoweekday() % 7)


@pytest.mark.parametrize("flaw", [{"version": "x"}, {"due": "x"}, {"due": ""}])
def test_what_no_page_sends_moves_nothing(publisher: Client, natale, flaw):
    refused(publisher, natale, {**shown(natale), **flaw}, "“Natale” was not moved")


def test_an_unknown_campaign_is_not_found(publisher: Client, natale):
    for number in (natale.pk + 1, 10**30):
        answer = publisher.post(f"{CAMPAIGNS}{number}/move/", shown(natale))
        assert answer.status_code == 404


def test_the_address_of_a_move_leads_to_the_calendar(publisher: Client, natale):
    answer = publisher.get(f"{CAMPAIGNS}{natale.pk}/move/")

    assert answer.url.startswith(CALENDAR)
