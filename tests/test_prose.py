"""The gate of prose and commit subjects refuses what it is for, and nothing else."""

import subprocess

import pytest

from tests.processes import ROOT
from tests.prose import finds, prose

HOOK = ROOT / ".githooks" / "commit-msg"


@pytest.mark.parametrize(
    "text",
    [
        "Who leaves is found no more.",
        "It stays. Who waits, waits for ever.",
        "- A list\n- Who asks again is answered",
        "| a cell | Whoever rings |",
        "It goes to whoever asks.",
        "**Who asks again is answered.**",
        "> Who asks again is answered.",
        "Nobody's localpart.",
        "No one’s localpart.",
        "There is none.",
        "A client is told of it.",
        "A client was never\ntold of it.",
        "A user sends his contacts.",
        "She sends them. He waits.",
        "A lost bell costs nothing.",
        "Bells cost nothing.",
    ],
)
def test_what_an_outsider_stumbles_over_is_refused(text: str):
    assert list(finds(text))


@pytest.mark.parametrize(
    "text",
    [
        "Users who leave are no longer found.",
        "Who may publish? Publishers.",
        "The client gets an answer. Nobody else sees it.",
        "It belongs to this history.",
        "| Who | may edit |",
        "Two channels can be told apart.",
    ],
)
def test_plain_english_passes(text: str):
    assert list(finds(text)) == []


def test_each_kind_of_file_is_read(tmp_path):
    texts = {
        "a.md": "# Who may do what here\n\nWho leaves is found no more. `is none`\n",
        "a.html": "<p class='none'>Who leaves is found no more.</p> {# is none #}",
        "a.po": 'msgid "Who leaves is found no more."\nmsgstr "Chi is none"\n',
        "b.po": 'msgid ""\n"A client is "\n"told of it."\nmsgstr ""\n',
    }
    for name, text in texts.items():
        file = tmp_path / name
        file.write_text(text)

        assert len(list(finds(prose(file)))) == 1, name


def test_a_find_names_its_line_and_what_to_do():
    (find,) = finds("First.\n\nWho waits, waits for ever.")
    assert (find.line, find.advice) == (3, "name the subject")
    assert find.words.startswith("Who waits")


def test_old_words_may_stand_where_they_are_explained():
    assert list(finds("formerly bell", old_words=True)) == []


def subject_passes(tmp_path, message: str) -> bool:
    file = tmp_path / "message"
    file.write_text(message)
    return subprocess.run([HOOK, file], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    "message",
    ["Split the stream", "Split the stream\n\nBecause it is long.", "Merge branch x"],
)
def test_a_plain_subject_passes(tmp_path, message: str):
    assert subject_passes(tmp_path, message)


@pytest.mark.parametrize(
    "message",
    [
        "split the stream",
        "Split the stream.",
        "stream: split it",
        "Splitting the stream",
        "Moved the stream",
        "Split the stream into so many parts that nobody reads it",
        "Split the stream\nbecause it is long",
    ],
)
def test_another_subject_is_refused(tmp_path, message: str):
    assert not subject_passes(tmp_path, message)
