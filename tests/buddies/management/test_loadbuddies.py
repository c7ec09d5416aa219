"""loadbuddies loads all files, or none and names the file, place and reason."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from buddies.models import HistoricalBuddy, Tree
from tests.buddies.conftest import built, channel, group, outline
from tests.buddies.document.test_build import SEED

pytestmark = pytest.mark.django_db


def item(address: str, *below: dict) -> dict:
    return {
        "address": address,
        "type": "group" if below else "channel",
        "mobileIsPublished": True,
        "webIsPublished": False,
        "info": {"name": address},
        **({"items": list(below)} if below else {}),
    }


def text(*items: dict) -> bytes:
    return json.dumps({"items": list(items)}).encode()


@pytest.fixture
def save(tmp_path: Path):
    """Write a file; return its path as an editor would type it."""

    def write(content: bytes, name: str = "tree.json") -> str:
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return write


def test_the_seed_loads_as_one_tree_with_command_line_as_its_editor(capsys):
    call_command("loadbuddies", *map(str, SEED))

    expected = [one for path in SEED for one in json.loads(path.read_bytes())["items"]]
    assert built() == {"items": expected}
    assert capsys.readouterr().out == "Loaded 7 entries.\n"
    assert list(Tree.objects.get().editors) == ["command line"]


def test_replace_empties_the_tree_first(save):
    channel("romeo", group("verona"))

    call_command("loadbuddies", "--replace", save(text(item("romeo"))))

    assert outline() == ["romeo"]


def test_a_tree_of_depth_200_is_loaded(save):
    nested = item("leaf")
    for number in range(199):
        nested = item(f"{number}", nested)

    call_command("loadbuddies", save(text(nested)))

    assert built()["items"][0]["address"] == "198"
    assert outline()[-1] == "  " * 199 + "leaf"


@pytest.mark.parametrize("words", [[], ["--replace"]], ids=["add", "replace"])
@pytest.mark.parametrize(
    ("content", "where", "reason"),
    [
        (b"", ": line 1, column 1", "not JSON"),
        (b'{"items": [}', ": line 1, column 12", "not JSON"),
        (b"[" * 100_000, "", "nested too deep"),
        (b'{"items": ["\xe9"]}', ": byte 12", "not UTF-8"),
        (b"[]", ": document", "must be an object"),
        (text({"type": "bot"}), ": items[0].type", "must be group or channel"),
        (
            text(item("a"), item("b", item("a"))),
            ": items[1].items[0]",
            "This address is already taken. (address)",
        ),
        (
            text(item("bell\x07")),
            ": items[0]",
            "Contains the control character U+0007, which XMPP can't "
            "transmit. (address)",
        ),
        (
            text({**item("a"), "info": {"name": "\ud800"}}),
            ": items[0].info.name",
            "contains an invalid character",
        ),
        (
            text(item("g", {**item("a"), "info": {}})),
            ": items[0].items[0]",
            "This field cannot be blank. (name)",
        ),
        (
            text({**item("g", item("a")), "serverAddress": "bots"}),
            ": items[0]",
            "A group can't have a server address. (server_address)",
        ),
    ],
)
def test_a_bad_file_is_refused_and_changes_nothing(save, content, where, reason, words):
    channel("romeo", group("verona"))
    before = Tree.objects.values().get()
    good, bad = save(text(item("good")), "good.json"), save(content, "bad.json")

    with pytest.raises(CommandError) as caught:
        call_command("loadbuddies", *words, good, bad)

    assert str(caught.value).startswith(f"{bad}{where}: {reason}")
    assert str(caught.value).endswith(". Nothing was changed.")
    assert outline() == ["verona", "  romeo"]
    assert Tree.objects.values().get() == before


def test_an_address_that_is_in_the_tree_already_is_refused(save):
    channel("romeo")
    path = save(text(item("juliet"), item("romeo")))

    with pytest.raises(CommandError) as caught:
        call_command("loadbuddies", path)

    assert str(caught.value).startswith(f"{path}: items[1]: This address is already")
    assert outline() == ["romeo"]


def test_the_same_address_in_two_files_is_refused(save):
    first, second = (save(text(item("romeo")), name) for name in ("1.json", "2.json"))

    with pytest.raises(CommandError) as caught:
        call_command("loadbuddies", first, second)

    assert str(caught.value).startswith(f"{second}: items[0]: This address is already")
    assert outline() == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.json", "No such file or directory"), ("", "Is a directory")],
)
def test_a_path_that_is_not_a_file_is_refused(tmp_path, save, name, reason):
    path = str(tmp_path / name)

    with pytest.raises(CommandError) as caught:
        call_command("loadbuddies", save(text(item("romeo"))), path)

    assert str(caught.value) == f"{path}: {reason}. Nothing was changed."
    assert outline() == []


def test_each_loaded_entry_has_a_record_by_the_command_line(save):
    channel("romeo")

    call_command("loadbuddies", "--replace", save(text(item("g", item("romeo")))))

    version = Tree.objects.get().version
    records = HistoricalBuddy.objects.filter(version=version)
    logged = {record.history_type + record.name for record in records}
    assert logged == {"-romeo", "+g", "+romeo"}
    assert {record.history_user_id for record in records} == {"command line"}
