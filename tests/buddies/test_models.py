"""Entries, the lock row and releases: their validation and text."""

import uuid
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Model

from buddies.models import (
    Buddy,
    HistoricalBuddy,
    PlannedRelease,
    Release,
    Tree,
    legal_xml,
)
from tests.buddies.conftest import channel, group

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "code"),
    [("a\x00", "0000"), ("\x07bell", "0007"), ("\ud800", "D800"), ("\uffff", "FFFF")],
)
def test_a_character_illegal_in_xml_is_named(text, code):
    with pytest.raises(ValidationError) as caught:
        legal_xml(text)

    assert caught.value.messages == [
        f"Contains the control character U+{code}, which XMPP can't transmit."
    ]


@pytest.mark.parametrize("text", ["", "tab\tand\r\nlines", "perché 🎭", "<&>\"'"])
def test_every_other_text_is_legal(text):
    legal_xml(text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "field",
    [
        "address",
        "server_address",
        "name",
        "status",
        "image_url",
        "thumb_url",
        "default_message",
    ],
)
def test_text_fields_refuse_illegal_characters(field):
    romeo = Buddy(**{"name": "Romeo", field: "bell\x07"})

    with pytest.raises(ValidationError) as caught:
        romeo.full_clean()

    assert list(caught.value.message_dict) == [field]


@pytest.mark.django_db
def test_an_empty_address_becomes_a_unique_uuid():
    romeo, juliet = Buddy(name="Romeo"), Buddy(name="Juliet", address="  ")

    romeo.full_clean()
    juliet.full_clean()

    assert uuid.UUID(romeo.address) != uuid.UUID(juliet.address)


@pytest.mark.django_db
def test_an_address_is_trimmed():
    romeo = Buddy(name="Romeo", address=" romeo ")
    romeo.full_clean()
    assert romeo.address == "romeo"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "where", "reason"),
    [
        ({"name": ""}, "name", "This field cannot be blank."),
        ({"type": "bot"}, "type", "Value 'bot' is not a valid choice."),
        ({"address": "mario"}, "address", "This address is already taken."),
        (
            {"type": "group", "server_address": "bots"},
            "__all__",
            "A group can't have a server address.",
        ),
        (
            {"type": "group", "default_message": "Soft!"},
            "__all__",
            "A group can't have a default message.",
        ),
        (
            {"visible_from": NOW, "visible_until": NOW},
            "__all__",
            "“Visible until” must be later than “Visible from”.",
        ),
    ],
)
def test_invalid_fields_have_readable_messages(fields, where, reason):
    channel("mario")
    romeo = Buddy(**{"name": "Romeo", "address": "romeo", **fields})

    with pytest.raises(ValidationError) as caught:
        romeo.full_clean()

    assert reason in caught.value.message_dict[where]


@pytest.mark.django_db
def test_only_a_group_can_hold_entries():
    mario = channel("mario")

    with pytest.raises(ValidationError) as caught:
        Buddy(name="Romeo", parent=mario).full_clean()

    assert caught.value.message_dict == {
        "parent": ["Only a group can contain channels and groups."]
    }


@pytest.mark.django_db
def test_an_entry_cannot_be_moved_below_itself_or_its_descendants():
    verona = group("verona")
    house = group("house", group("street", verona))

    for below in (verona, house):
        verona.parent = below
        with pytest.raises(ValidationError) as caught:
            verona.full_clean()
        reason = {"parent": ["You can't move a group into itself."]}
        assert caught.value.message_dict == reason


@pytest.mark.django_db
def test_a_group_with_entries_cannot_become_a_channel():
    verona, mantua = group("verona"), group("mantua")
    channel("romeo", verona)
    verona.type = mantua.type = "channel"

    mantua.full_clean()
    with pytest.raises(ValidationError) as caught:
        verona.full_clean()

    assert caught.value.message_dict == {
        "type": [
            "This group is not empty, so it can't become a channel: move "
            "its contents first."
        ]
    }


def test_an_entry_is_shown_by_its_name_or_else_its_address():
    assert str(Buddy(name="Romeo", address="romeo")) == "Romeo"
    assert str(Buddy(address="romeo")) == "romeo"


@pytest.mark.django_db(transaction=True)
def test_the_lock_row_is_created_once():
    with transaction.atomic():
        first, second = Tree.locked(), Tree.locked()

    assert first == second == Tree.objects.get()
    assert str(first) == "version 1"


@pytest.mark.django_db
def test_the_newest_release_comes_first():
    old, new = (Release.objects.create(body="", digest=d, size=0) for d in "ab")

    assert list(Release.objects.all()) == [new, old]
    assert str(new) == f"version {new.number}"


@pytest.mark.django_db
def test_the_next_plan_comes_first():
    moments = [NOW.replace(hour=hour) for hour in (13, 12)]
    later, sooner = (
        PlannedRelease.objects.create(
            body="", author="juliet", publish_at=moment, version=1
        )
        for moment in moments
    )

    assert list(PlannedRelease.objects.all()) == [sooner, later]
    assert str(sooner) == "2026-11-22 12:00"


def test_one_flag_publishes_an_entry():
    flags = [(web, mobile) for web in (True, False) for mobile in (True, False)]
    published = [
        Buddy(web_is_published=web, mobile_is_published=mobile).is_published
        for web, mobile in flags
    ]
    assert published == [True, True, True, False]


def test_a_record_has_all_columns_of_an_entry():
    def columns(model: type[Model]) -> dict[str, tuple[str | None, bool]]:
        return {
            field.attname: (field.rel_db_type(connection), field.null)
            for field in model._meta.fields
        }

    assert columns(Buddy).items() <= columns(HistoricalBuddy).items()


@pytest.mark.django_db
def test_saving_an_entry_directly_writes_no_record():
    romeo = Buddy.objects.create(name="Romeo", address="romeo")
    romeo.delete()

    # Only the tree's edits write records, or each would be there twice.
    assert not HistoricalBuddy.objects.exists()
