"""Entries, the lock row and releases: their validation and text."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Model

from buddies.models import (
    Buddy,
    Campaign,
    HistoricalBuddy,
    Release,
    Tree,
    legal_xml,
)

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
def test_the_next_campaign_comes_first():
    unplanned = Campaign.objects.create(name="Pasqua")
    later, sooner = (
        Campaign.objects.create(name=f"{hour}", state="planned", due_at=moment)
        for hour in (13, 12)
        for moment in [NOW.replace(hour=hour)]
    )
    Campaign.objects.create(name="Natale", state="discarded")

    assert list(Campaign.editable()) == [sooner, later, unplanned]
    assert list(Campaign.due(later.due_at)) == [sooner, later]
    assert list(Campaign.due(sooner.due_at)) == [sooner]
    assert str(unplanned) == "Pasqua"


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
