"""dumpbuddies: the document, or the whole tree, as a file that loads again."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from buddies.document import build
from buddies.models import Buddy
from tests.buddies.conftest import built, channel, group, rows
from tests.buddies.document.test_build import SEED

pytestmark = pytest.mark.django_db


@pytest.fixture
def dump(capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> str:
        capsys.readouterr()
        call_command("dumpbuddies", *words)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("path", SEED, ids=lambda path: path.stem)
@pytest.mark.parametrize("words", [[], ["--drafts"]], ids=["live", "drafts"])
def test_a_seed_document_is_loaded_and_dumped_equal(dump, path: Path, words):
    call_command("loadbuddies", str(path))
    assert json.loads(dump(*words)) == json.loads(path.read_bytes())


def test_the_document_is_what_clients_read(dump):
    channel("romeo", group("verona"))
    channel("draft", web_is_published=False)

    shown = json.loads(dump())

    assert shown == built()
    assert [item["address"] for item in shown["items"]] == ["verona"]


def test_with_drafts_the_whole_tree_loads_back(dump, tmp_path):
    channel("romeo", group("verona", web_is_published=False))
    group("empty")
    channel("perché 🎭", default_message="a\\n\n\r\nb", server_address="bots")
    file = tmp_path / "tree.json"
    file.write_text(dump("--drafts"), encoding="utf-8")
    before = build.whole(Buddy.objects.all())

    call_command("loadbuddies", "--replace", str(file))

    assert build.whole(Buddy.objects.all()) == before
    assert len(before["items"]) == 3


def test_the_whole_tree_loads_back_with_its_schedules(dump, tmp_path):
    """Without them, a channel for Christmas would go live at once."""
    begin, end = timezone.now() + timedelta(days=9), timezone.now() + timedelta(days=99)
    channel("christmas", visible_from=begin, visible_until=end)
    channel("romeo", visible_until=end)
    file = tmp_path / "tree.json"
    file.write_text(dump("--drafts"), encoding="utf-8")
    before = rows()

    call_command("loadbuddies", "--replace", str(file))

    for old, new in zip(before, rows(), strict=True):
        assert {**new, "id": old["id"], "key": old["key"]} == old
    assert [item["address"] for item in built()["items"]] == ["romeo"]


def test_what_clients_read_has_no_schedule(dump):
    channel("romeo", visible_until=timezone.now() + timedelta(days=9))

    assert "visibleUntil" not in dump()


def test_text_is_written_unescaped(dump):
    channel("perché 🎭")
    assert '"perché 🎭"' in dump()


def test_scheduled_entries_are_dumped_only_with_drafts(dump):
    channel("romeo", visible_from=timezone.now() + timedelta(hours=1))

    assert json.loads(dump()) == {"items": []}
    assert len(json.loads(dump("--drafts"))["items"]) == 1
