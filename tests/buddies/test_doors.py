"""Every door to the tree stores a text alike.

A door takes the fields of an entry and returns what is stored, or what is wrong: pairs
of a field and a sentence.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from buddies.api.entries import WIRE_NAMES
from buddies.document import build, parse
from buddies.document.shape import FLAGS, INFO, DocumentError
from buddies.document.text import NORMAL, normal
from buddies.models import Buddy
from buddies.pages.forms import BuddyForm
from buddies.spreadsheet import files
from buddies.spreadsheet.cells import COLUMN_OF
from buddies.spreadsheet.plan import plan_import, run_import
from buddies.spreadsheet.xlsx import FileError
from buddies.tree import edits, whole_tree
from tests.api import reasons
from tests.buddies.conftest import EDITOR, STORED, channel

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


def through_form(fields: Fields) -> Buddy | Faults:
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
    form = BuddyForm(posted)
    if not form.is_valid():
        pairs = form.errors.get_json_data().items()
        return {(name, error["message"]) for name, errors in pairs for error in errors}
    edits.add(form.save(commit=False), EDITOR)
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
    read = files.read(content)
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
}
each_door = pytest.mark.parametrize("name", [*DOORS, "command-line"])


@pytest.fixture
def door(name: str, through_command_line: Door) -> Door:
    return DOORS.get(name, through_command_line)


@pytest.mark.parametrize("name", ["table", "document"])
def test_an_import_finds_entries_by_the_stored_form_of_their_address(door):
    cafe = channel("café")
    assert door({**ROMEO, "address": " cafe\u0301\n"}) == cafe
    assert Buddy.objects.count() == 3


def test_the_api_finds_an_address_in_its_stored_form():
    channel("café")
    answer = api().get("/api/buddies/", {"address": " cafe\u0301 "})
    assert [one["address"] for one in answer.json()["results"]] == ["café"]


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
