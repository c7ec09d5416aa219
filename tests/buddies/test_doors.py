"""Every door to the tree judges alike, and stores a text alike.

A door takes the fields of an entry and returns what is stored, or what is wrong: pairs
of a field and a sentence.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from buddies.api.entries import WIRE_NAMES
from buddies.campaigns.desk import CampaignDesk
from buddies.document import build, parse
from buddies.document.shape import FLAGS, INFO, DocumentError
from buddies.document.text import NORMAL, normal
from buddies.models import Buddy, Campaign, HistoricalBuddy, Release, Tree
from buddies.pages.forms import BuddyForm
from buddies.publishing import going_back, releases
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import size_of
from buddies.spreadsheet import files
from buddies.spreadsheet.cells import COLUMN_OF
from buddies.spreadsheet.plan import plan_import, run_import
from buddies.spreadsheet.xlsx import FileError
from buddies.tree import edits, whole_tree
from buddies.tree.undo import undo
from tests.api import reasons
from tests.buddies.conftest import EDITOR, STORED, channel, group, named
from tests.buddies.document.test_judgement import (
    ALIKE,
    BELL,
    BLANK,
    NOW,
    ONLY_GROUPS,
    ORDER,
    TAKEN,
    TOO_LONG,
)
from tests.buddies.pages.campaign_client import Natale

pytestmark = pytest.mark.django_db

Fields = dict[str, Any]
Faults = set[tuple[str, str]]
Door = Callable[[Fields], Buddy | Faults]

ROMEO = {
    "type": "channel",
    "address": "romeo",
    "server_address": "",
    "name": "Romeo",
    "status": "",
    "image_url": "",
    "thumb_url": "",
    "default_message": "",
}


@pytest.fixture(autouse=True)
def _tree(db) -> None:
    channel("juliet")
    channel("mario")


def stored(fields: Fields) -> Buddy:
    address = normal("address", fields["address"])
    return Buddy.objects.get(address=address)


# --- The doors ----------------------------------------------------------------------


def posted(fields: Fields) -> Fields:
    """As a browser posts it: every line break is CR LF."""
    posted = {
        name: re.sub("\r\n?|\n", "\r\n", value) if name in NORMAL else value
        for name, value in fields.items()
        if not name.startswith("visible")
    }
    for name in ("visible_from", "visible_until"):
        if name in fields:
            posted[f"{name}_0"] = f"{fields[name]:%Y-%m-%d}"
            posted[f"{name}_1"] = f"{fields[name]:%H:%M:%S}"
    if "parent" in fields:
        posted["parent"] = str(fields["parent"].pk)
    return posted


def complaints(form: BuddyForm) -> Faults:
    pairs = form.errors.get_json_data().items()
    return {(name, error["message"]) for name, errors in pairs for error in errors}


def through_form(fields: Fields) -> Buddy | Faults:
    form = BuddyForm(posted(fields))
    if not form.is_valid():
        return complaints(form)
    edits.add(form.save(commit=False), EDITOR)
    return stored(fields)


def through_campaign_form(fields: Fields) -> Buddy | Faults:
    natale = Natale()

    class Form(BuddyForm):
        desk = CampaignDesk(natale.campaign)

    form = Form(posted(fields))
    if not form.is_valid():
        return complaints(form)
    natale.edits.add(form.save(commit=False), EDITOR)
    natale.publish()
    return stored(fields)


def through_campaign(fields: Fields) -> Buddy | Faults:
    return edited_in(Natale(), lambda edits: edits.add(Buddy(**fields), EDITOR), fields)


def through_campaign_change(fields: Fields) -> Buddy | Faults:
    natale = Natale()
    old = natale.add("old")
    return edited_in(
        natale, lambda edits: edits.change([old], EDITOR, **fields), fields
    )


def edited_in(
    natale: Natale, edit: Callable[[Any], Any], fields: Fields
) -> Buddy | Faults:
    """Return what is stored as soon as the campaign is live."""
    try:
        edit(natale.edits)
    except ValidationError as error:
        pairs = error.message_dict.items()
        return {(name, re.sub("^“.*?”, .*?: ", "", one)) for name, (one,) in pairs}
    natale.publish()
    return stored(fields)


def on_the_wire(fields: Fields) -> dict[str, Any]:
    wire: dict[str, Any] = {"info": {}}
    for name, value in fields.items():
        key = WIRE_NAMES.get(name, name)
        place = wire["info"] if key.startswith("info.") else wire
        place[key.removeprefix("info.")] = value
    if "parent" in wire:
        wire["parent"] = wire["parent"].pk
    return wire


def answered(answer: Any, fields: Fields) -> Buddy | Faults:
    if answer.status_code < 400:
        return stored(fields)
    names = {wire: name for name, wire in WIRE_NAMES.items()}
    pairs = reasons(answer).items()
    return {(names.get(key, key), one) for key, found in pairs for one in found}


def api() -> APIClient:
    client = APIClient()
    user = User.objects.filter(username="nurse").first()
    client.force_authenticate(user or User.objects.create_superuser("nurse"))
    return client


def through_api(fields: Fields) -> Buddy | Faults:
    answer = api().post("/api/buddies/", on_the_wire(fields), format="json")
    return answered(answer, fields)


def through_api_change(fields: Fields) -> Buddy | Faults:
    old = edits.add(Buddy(name="old", address="old"), EDITOR)
    path, wire = f"/api/buddies/{old.pk}/", on_the_wire(fields)
    return answered(api().patch(path, wire, format="json"), fields)


def through_table(fields: Fields) -> Buddy | Faults:
    row = {COLUMN_OF[name]: value for name, value in fields.items()}
    if "parent" in row:
        row["parent"] = row["parent"].address
    content = json.dumps([row], default=lambda moment: moment.isoformat()).encode()
    read = files.read(content).rows
    plan = plan_import(read)
    if plan.problems:
        names = {column: name for name, column in COLUMN_OF.items()}
        return {(names[one.column], one.words) for one in plan.problems}
    run_import(read, EDITOR, plan.version, plan.digest)
    return stored(fields)


def as_document(fields: Fields) -> str:
    info = {key: fields[name] for key, name in INFO.items()}
    item = {
        "type": fields["type"],
        "address": fields["address"],
        "serverAddress": fields["server_address"],
        **dict.fromkeys(FLAGS, True),
        "info": info,
    }
    return json.dumps({"items": [item]})


def in_words(error: Exception) -> Faults:
    words, field = re.findall(r"items\[0\]: (.*) \((\w+)\)", str(error))[0]
    return {(field, words)}


def through_document(fields: Fields) -> Buddy | Faults:
    try:
        whole_tree.rebuild("pasted", parse.loads(as_document(fields)), EDITOR)
    except DocumentError as error:
        return in_words(error)
    return stored(fields)


@pytest.fixture
def through_command_line(tmp_path) -> Door:
    def load(fields: Fields) -> Buddy | Faults:
        path = tmp_path / "document.json"
        path.write_text(as_document(fields))
        try:
            call_command("loadbuddies", str(path))
        except CommandError as error:
            return in_words(error)
        return stored(fields)

    return load


DOORS: dict[str, Door] = {
    "form": through_form,
    "api": through_api,
    "api-change": through_api_change,
    "table": through_table,
    "document": through_document,
    "campaign": through_campaign,
    "campaign-change": through_campaign_change,
    "campaign-form": through_campaign_form,
}
# A document has no moments, finds stored entries by address, and names no parent.
CAMPAIGN = ("campaign", "campaign-change", "campaign-form")
each_door = pytest.mark.parametrize("name", [*DOORS, "command-line"])


@pytest.fixture
def door(name: str, through_command_line: Door) -> Door:
    return DOORS.get(name, through_command_line)


# --- The same faults ----------------------------------------------------------------

BAD = [
    ({"name": ""}, "name", BLANK),
    ({"name": " \t "}, "name", BLANK),
    ({"name": "\u200b\u3164"}, "name", BLANK),
    *(({name: "bell\x07"}, name, BELL) for name in NORMAL),
    ({"name": "nul\0"}, "name", BELL.replace("0007", "0000")),
    ({"status": "x" * 1001}, "status", TOO_LONG.format("1000", "1001")),
    ({"image_url": "x" * 2001}, "image_url", TOO_LONG.format("2000", "2001")),
    ({"address": "x" * 256}, "address", TOO_LONG.format("255", "256")),
    (
        {"type": "group", "server_address": "bots"},
        "server_address",
        "A group can't have a server address.",
    ),
    (
        {"type": "group", "default_message": "Soft!"},
        "default_message",
        "A group can't have a default message.",
    ),
    ({"address": "JULIET"}, "address", ALIKE.format("juliet")),
    ({"address": "julie\u00adt"}, "address", ALIKE.format("juliet")),
]


@each_door
@pytest.mark.parametrize(("fields", "field", "words"), BAD)
def test_a_fault_is_refused_in_the_same_words(door, fields, field, words):
    before = Tree.objects.get().version
    result = door({**ROMEO, **fields})
    assert result == {(field, words)}
    # PostgreSQL takes no NUL in a query either.
    name = normal("name", fields.get("name", "Romeo"))
    assert name not in Buddy.objects.values_list("name", flat=True)
    assert Tree.objects.get().version - before <= 1  # one, where the door adds "old"


@pytest.mark.parametrize("name", ["form", "api", "api-change", "table", *CAMPAIGN])
@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"visible_from": NOW, "visible_until": NOW}, "visible_until", ORDER),
        ({"parent": "mario"}, "parent", ONLY_GROUPS),
        (
            {"visible_from": NOW.replace(year=1999)},
            "visible_from",
            "Choose a date between 2000 and 2100.",
        ),
    ],
)
def test_a_wrong_place_or_time_is_refused_in_the_same_words(door, fields, field, words):
    if "parent" in fields:
        fields = {"parent": named(fields["parent"])}
    assert door({**ROMEO, **fields}) == {(field, words)}


@pytest.mark.parametrize(
    "name", ["form", "api", "api-change", "command-line", *CAMPAIGN]
)
@pytest.mark.parametrize("address", ["juliet", " juliet\r\n"])
def test_an_address_is_compared_as_it_is_stored(door, address):
    assert door({**ROMEO, "address": address}) == {("address", TAKEN)}


@pytest.mark.parametrize("name", ["table", "document"])
def test_an_import_finds_entries_by_the_stored_form_of_their_address(door):
    cafe = channel("café")
    assert door({**ROMEO, "address": " cafe\u0301\n"}) == cafe
    assert Buddy.objects.count() == 3


def test_the_api_finds_an_address_in_its_stored_form():
    channel("café")
    answer = api().get("/api/buddies/", {"address": " cafe\u0301 "})
    assert [one["address"] for one in answer.json()["results"]] == ["café"]


# --- Doors that write no text -----------------------------------------------------


def spoil(buddy: Buddy, **fields: Any) -> Buddy:
    """Store a fault, as an older version of this service could."""
    Buddy.objects.filter(pk=buddy.pk).update(**fields)
    HistoricalBuddy.objects.filter(id=buddy.pk).update(**fields)
    return Buddy.objects.get(pk=buddy.pk)


@contextmanager
def refused_for(field: str, words: str) -> Iterator[None]:
    with pytest.raises(ValidationError) as caught, transaction.atomic():
        yield
    assert caught.value.message_dict == {field: [words]}


OLD = pytest.mark.parametrize(
    ("fault", "field", "words"),
    [
        ({"name": " "}, "name", f"“romeo”, name: {BLANK}"),
        (
            {"address": "JULIET"},
            "address",
            f"“Romeo”, address: {ALIKE.format('juliet')}",
        ),
    ],
)


@OLD
def test_an_old_fault_is_refused_by_each_other_door(fault, field, words):
    verona = group("verona")
    old = channel("Romeo", address="romeo", web_is_published=False)
    romeo = spoil(old, **fault)

    def switch(**flags: bool) -> None:
        edits.change([romeo], EDITOR, **flags)

    for write in (
        lambda: switch(web_is_published=True),
        lambda: edits.change([romeo], EDITOR, status="banished"),
        lambda: edits.move([romeo], EDITOR, verona, "last"),
        lambda: edits.shift([romeo], EDITOR, down=False),
    ):
        with refused_for(field, words):
            write()
    with pytest.raises(ValidationError, match="“"), transaction.atomic():
        edits.duplicate([romeo], EDITOR)

    # Hiding, deleting and correcting are the ways out; others move past it.
    edits.shift([verona], EDITOR, down=True)
    switch(mobile_is_published=False)
    edits.change([romeo], EDITOR, name="Romeo", address="montague")
    with refused_for(field, words):
        undo(Tree.objects.get().version, EDITOR)
    edits.remove([spoil(romeo, **fault)], EDITOR)
    with refused_for(field, words.replace("romeo", "montague")):
        undo(Tree.objects.get().version, EDITOR)


@OLD
def test_an_old_fault_is_refused_by_each_edit_of_a_campaign(fault, field, words):
    group("verona")
    channel("Romeo", address="romeo", web_is_published=False)
    romeo = spoil(named("Romeo"), **fault)
    natale = Natale()

    for write in (
        lambda: natale.edits.change([romeo], EDITOR, web_is_published=True),
        lambda: natale.edits.change([romeo], EDITOR, status="banished"),
        lambda: natale.edits.move([romeo], EDITOR, natale.named("verona"), "last"),
        lambda: natale.edits.shift([romeo], EDITOR, down=False),
    ):
        with refused_for(field, words):
            write()
    with pytest.raises(ValidationError, match="“"):
        natale.edits.duplicate([romeo], EDITOR)
    assert natale.version == 0

    natale.edits.change([romeo], EDITOR, mobile_is_published=False)
    natale.edits.change([romeo], EDITOR, name="Romeo", address="montague")
    natale.edits.remove([romeo], EDITOR)
    assert "Romeo" not in natale.names()


def test_an_undo_may_hide_an_entry_with_a_fault():
    romeo = channel("romeo", web_is_published=False)
    edits.change([romeo], EDITOR, web_is_published=True)
    spoil(romeo, name=" ")

    undo(Tree.objects.get().version, EDITOR)

    assert not Buddy.objects.get(pk=romeo.pk).is_published


def test_a_branch_too_deep_for_its_new_group_is_not_moved(monkeypatch):
    monkeypatch.setattr("buddies.document.judgement.MAX_LEVELS", 3)
    verona, house = group("verona"), group("house")
    channel("romeo", group("street", verona))
    words = "A tree can have at most 3 levels."

    with refused_for("parent", words):
        edits.move([verona], EDITOR, house, "last")
    with refused_for("parent", words):
        edits.change([verona], EDITOR, parent=house)
    row = json.dumps([{"address": "verona", "parent": "house"}]).encode()
    assert [one.words for one in plan_import(files.read(row).rows).problems] == [words]


@pytest.mark.parametrize("again", [going_back.go_back, going_back.restore])
@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"name": " ", "address": "b"}, f"“b”, name: {BLANK}"),
        ({"name": "Ro", "address": "A"}, f"“Ro”, address: {ALIKE.format('a')}"),
    ],
)
def test_an_old_release_with_a_fault_does_not_come_back(again, second, words):
    both = [{**ROMEO, "address": "a"}, {**ROMEO, **second}]
    items = [json.loads(as_document(fields))["items"][0] for fields in both]
    body = build.dumps({"items": items})
    old = Release.objects.create(body=body, digest="", size=size_of(body))
    new = releases.sync()

    with pytest.raises(ReleaseError) as caught:
        again(old, EDITOR)

    assert str(caught.value) == words
    assert (Release.objects.first(), Campaign.objects.count()) == (new, 0)


# --- The same texts ---------------------------------------------------------------

SPECIAL = st.sampled_from(
    ["\r\n", "\r", "\n", "\t", " ", "\\n", "\u0301", "\u200d", "é"]
)
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Cs"])
TEXT = st.lists(SPECIAL | st.sampled_from("\xa0\u2028\x85&=<'") | LETTERS, max_size=6)


@settings(STORED, max_examples=8)
@given(texts=st.fixed_dictionaries(dict.fromkeys(NORMAL, TEXT.map("".join))))
def test_each_door_stores_the_same_text(through_command_line, texts):
    fields = {**ROMEO, **{name: f"{text}." for name, text in texts.items()}}
    fields["server_address"] = "bots"
    found = []
    for door in (*DOORS.values(), through_command_line):
        with transaction.atomic():
            buddy = door(fields)
            found.append({name: getattr(buddy, name) for name in NORMAL})
            # What is stored is stored again as it is, and a document loads back.
            again = {name: normal(name, text) for name, text in found[-1].items()}
            assert again == found[-1]
            whole = build.whole(Buddy.objects.all())
            whole_tree.load([("d", parse.loads(build.dumps(whole)))], EDITOR, True)
            assert build.whole(Buddy.objects.all()) == whole
            transaction.set_rollback(True)
    assert found == [found[0]] * len(found)


@pytest.mark.parametrize("field", NORMAL)
def test_half_a_character_is_refused(field):
    """It is no text, so requests and files with it are refused as a whole."""
    fields = {**ROMEO, field: "\ud800"}
    body = json.dumps(on_the_wire(fields))
    answer = api().post("/api/buddies/", body, content_type="application/json")
    assert answer.status_code == 400
    with pytest.raises(DocumentError, match="invalid character"):
        parse.loads(as_document(fields))
    with pytest.raises(FileError, match="invalid character"):
        files.read(json.dumps([{"address": "a", COLUMN_OF[field]: "\ud800"}]).encode())
    assert not BuddyForm(fields).is_valid()
