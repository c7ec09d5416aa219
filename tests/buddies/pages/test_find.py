"""What the search of the workspace answers."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from buddies.models import HistoricalBuddy
from tests.buddies.pages.workspace_client import ask, change, key

pytestmark = pytest.mark.django_db


def test_a_search_answers_with_keys_and_excerpts(editor: Client, verona):
    change("romeo", default_message="O, speak again!")
    found = ask(editor, "find", words="speak")["found"]
    assert found == {str(key("romeo")): "O, speak again!"}
    assert ask(editor, "find", words="nobody")["found"] == {}


def test_live_changed_means_edited_recently(editor: Client, verona):
    HistoricalBuddy.objects.update(history_date=timezone.now() - timedelta(days=2))
    change("romeo", status="banished")
    found = ask(editor, "find", kinds="changed")["found"]
    assert list(found) == [str(key("romeo"))]


def test_in_a_campaign_changed_means_by_the_campaign(editor: Client, natale):
    change("romeo", status="banished")
    natale.change("juliet", status="fair")
    new = natale.add("nurse", "house")
    found = natale.ask(editor, "find", kinds="changed")["found"]
    assert set(found) == {str(key("juliet")), str(new.pk)}
    assert list(natale.ask(editor, "find", words="NURSE")["found"]) == [str(new.pk)]
