"""Who answers in a channel: what staff choose from, and what they are told."""

import time
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from buddies import answerers
from buddies.models import Buddy
from xmppservice.rosters.configured import driver

SECONDS = 2.0  # that a page waits for the XMPP server


class AnswererInput(forms.TextInput):
    """An input that offers the addresses which answer in other channels."""

    template_name = "buddies/answerer.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["known"] = answerers.known_addresses()
        return context


def nobody_answers(jid: str) -> str:
    return _("nobody answers: %(address)s has no account") % {"address": jid}


def check_after(request: HttpRequest, buddy: Buddy) -> None:
    """Once an edit is stored, ask whether somebody answers, and say so if not."""
    jids = answerers.jids_of(buddy)
    if jids and answerers.is_checked():
        transaction.on_commit(lambda: _check(request, buddy, jids))


def _check(request: HttpRequest, buddy: Buddy, jids: tuple[str, ...]) -> None:
    if not answerers.check(jids, driver(), time.time() + SECONDS):
        return
    for jid in answerers.unanswered([buddy]).values():
        text = _("Nobody answers in “%(name)s”: %(address)s has no account.")
        messages.warning(request, text % {"name": buddy.name, "address": jid})
