"""When an entry is visible: the same by form, API and import, whatever clocks do."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from buddies.models import Buddy, Tree
from buddies.pages.forms import BuddyForm
from buddies.spreadsheet.cells import as_moment
from buddies.tree import edits
from tests.api import client_of
from tests.buddies.conftest import EDITOR, channel, named
from xmppservice.backoffice.fields import MomentField

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rome(settings) -> None:
    settings.TIME_ZONE = "Europe/Rome"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# --- Three doors --------------------------------------------------------------------


def by_form(date: str, time: str) -> str:
    posted = {"type": "channel", "name": "romeo", "address": "romeo"}
    moment = {"visible_from_0": date, "visible_from_1": time}
    form = BuddyForm({**posted, **moment}, instance=named("romeo"))
    if not form.is_valid():
        assert list(form.errors) == ["visible_from"]
        return form.errors["visible_from"][0]
    fields = {name: form.cleaned_data[name] for name in form.changed_data}
    edits.change([named("romeo")], EDITOR, **fields)
    return ""


def by_api(date: str, time: str) -> str:
    body = {"visibleFrom": f"{date}T{time}"}
    api = client_of("view_buddy", "change_buddy", "edit_live")
    answer = api.patch(f"/api/buddies/{named('romeo').pk}/", body, format="json")
    if answer.status_code == 200:
        return ""
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "#/visibleFrom"
    return error["detail"]


def by_import(date: str, time: str) -> str:
    try:
        moment = as_moment(f"{date}T{time}")
    except ValueError as error:
        return str(error)
    edits.change([named("romeo")], EDITOR, visible_from=moment)
    return ""


DOORS = [by_form, by_api, by_import]
Door = Callable[[str, str], str]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("2026-12-24", "18:30", "2026-12-24T18:30+01:00"),
        ("2026-10-25", "02:30+02:00", "2026-10-25T02:30+02:00"),
        ("2026-10-25", "02:30+01:00", "2026-10-25T02:30+01:00"),
        ("2026-10-25", "02:30:59+01:00", "2026-10-25T02:30:59+01:00"),
        ("2027-03-28", "03:00", "2027-03-28T03:00+02:00"),
        # The bounds are those of UTC, so that what one door lets in can be edited.
        ("2101-01-01", "00:59", "2100-12-31T23:59Z"),
        ("2000-01-01", "01:00", "2000-01-01T00:00Z"),
    ],
)
def test_a_time_is_the_same_moment_at_each_door(door: Door, date, time, expected):
    channel("romeo")

    assert door(date, time) == ""

    assert named("romeo").visible_from == at(expected)


TWICE = (
    "2026-10-25 02:30 occurs twice in Europe/Rome, because clocks are set back then. "
    "Enter the time with its offset: 02:30+02:00 or 02:30+01:00."
)
NEVER = (
    "2027-03-28 02:30 does not exist in Europe/Rome, because clocks are set forward "
    "then. Choose another time."
)
OUTSIDE = "Choose a date between 2000 and 2100."


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("date", "time", "reason"),
    [
        ("2026-10-25", "02:30", TWICE),
        ("2027-03-28", "02:30", NEVER),
        ("2027-03-28", "02:30:00", NEVER),
        ("1969-12-31", "23:59", OUTSIDE),
        ("1999-12-31", "23:59:59", OUTSIDE),
        ("2000-01-01", "00:59", OUTSIDE),  # 1999 in UTC
        ("2101-01-01", "01:00", OUTSIDE),
        ("9999-12-31", "23:59:59", OUTSIDE),
        ("0001-01-01", "00:00", OUTSIDE),
    ],
)
def test_a_time_is_refused_with_one_sentence_at_each_door(
    door: Door, date, time, reason
):
    channel("romeo")

    assert door(date, time) == reason

    assert named("romeo").visible_from is None


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("2026-12-31", "24:00"),
        ("2016-12-31", "23:59:60"),  # a leap second
        ("2027-02-29", "12:00"),
        ("2026-12-31", "18:30+24:00"),
        ("2026-12-31", "18:30 Europe/Rome"),
        ("2026-12-31", "٢٤:٣٠"),
        ("2026-12-31", ""),
    ],
)
def test_what_is_no_time_is_refused_at_each_door(door: Door, date, time):
    channel("romeo")

    assert door(date, time) != ""

    assert named("romeo").visible_from is None


# --- One date in every language ---------------------------------------------------


@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize("date", ["2027-04-03", "03/04/2027", "3.4.2027", "3-4-2027"])
def test_a_form_reads_a_date_as_an_import_does(date, language):
    """Month first was for English-speaking staff only, and for their forms only."""
    channel("romeo")

    with translation.override(language):
        assert by_form(date, "10:00") == ""
        assert MomentField().clean(f"{date} 10:00") == at("2027-04-03T10:00+02:00")
        assert as_moment(f"{date} 10:00") == at("2027-04-03T10:00+02:00")

    assert named("romeo").visible_from == at("2027-04-03T10:00+02:00")


@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize("date", ["04/13/2027", "03/04/27", "2027/04/03", "Apr 3 2027"])
def test_a_form_guesses_no_other_date(date, language):
    channel("romeo")

    with translation.override(language):
        assert "31/12/2026" in by_form(date, "10:00")
        with pytest.raises(ValidationError):
            MomentField().clean(f"{date} 10:00")


# --- Both passes of one hour ---------------------------------------------------------

FIRST, SECOND = "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"


def shown(buddy: Buddy) -> dict[str, str]:
    """Return what a browser posts of an entry's form when nothing was typed."""
    form = BuddyForm(instance=buddy)
    html = "".join(str(form[name]) for name in ("visible_from", "visible_until"))
    inputs = re.findall(r'name="(\w+)" value="([^"]*)"', html)
    texts = {"type": buddy.type, "name": buddy.name, "address": buddy.address}
    return texts | {"web_is_published": "on"} | dict(inputs)


@pytest.mark.parametrize("moment", [FIRST, SECOND])
def test_an_entry_of_the_doubled_hour_can_be_edited(moment: str):
    channel("romeo", visible_from=at(moment), visible_until=at("2026-11-01T00:00Z"))
    posted = shown(named("romeo"))
    assert posted["visible_from_1"] == moment[11:]
    assert posted["visible_until_1"] == "01:00:00"

    form = BuddyForm({**posted, "name": "Romeo"}, instance=named("romeo"))

    assert form.is_valid(), form.errors
    assert form.changed_data == ["name"]
    assert form.instance.visible_from == at(moment)


def test_a_form_moves_an_entry_from_one_pass_to_the_other():
    channel("romeo", visible_from=at(FIRST))
    posted = {**shown(named("romeo")), "visible_from_1": "02:30+01:00"}

    form = BuddyForm(posted, instance=named("romeo"))

    assert form.is_valid(), form.errors
    assert form.changed_data == ["visible_from"]
    assert form.cleaned_data["visible_from"] == at(SECOND)


def test_an_offset_that_stays_behind_moves_no_entry():
    """Another date was chosen in the calendar: in summer, +01:00 is another hour."""
    channel("romeo", visible_from=at(SECOND))
    posted = {**shown(named("romeo")), "visible_from_0": "2026-07-01"}

    form = BuddyForm(posted, instance=named("romeo"))

    assert form.errors["visible_from"] == [
        "On that day, the offset of Europe/Rome is +02:00: correct it, or leave it out."
    ]


def test_an_entry_visible_for_the_doubled_hour_only_is_accepted():
    """Both ends read 02:30."""
    channel("romeo", visible_from=at(FIRST), visible_until=at(SECOND))

    form = BuddyForm(shown(named("romeo")), instance=named("romeo"))

    assert form.is_valid(), form.errors
    assert form.changed_data == []


@pytest.mark.parametrize("until", [SECOND, FIRST])
def test_an_end_that_is_not_later_is_refused(until: str):
    channel("romeo", visible_from=at(SECOND))
    date, time = until.split("T")
    posted = {"visible_until_0": date, "visible_until_1": time}

    form = BuddyForm({**shown(named("romeo")), **posted}, instance=named("romeo"))

    reason = "“Visible until” must be later than “Visible from”."
    assert [reason] in form.errors.values()


def test_the_same_moment_again_is_no_edit():
    channel("romeo", visible_from=at(SECOND))
    before = Tree.objects.get().version

    for door in (by_api, by_import):
        assert door("2026-10-25", "02:30+01:00") == ""

    assert Tree.objects.get().version == before


def test_the_api_writes_times_with_their_offset():
    channel("romeo", visible_from=at(FIRST), visible_until=at(SECOND))

    entry = client_of("view_buddy").get(f"/api/buddies/{named('romeo').pk}/").json()

    assert (entry["visibleFrom"], entry["visibleUntil"]) == (FIRST, SECOND)
