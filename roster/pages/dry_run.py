"""The page that shows what a command would do for an owner, and why.

Its input holds other people's numbers: it is posted, answered, and not stored.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import (
    sensitive_post_parameters,
    sensitive_variables,
)

from roster import msisdn
from roster.commands import dry_run, payloads
from roster.commands.dry_run import BudgetDecision, DryRun, DryRunRow
from roster.commands.payloads import ADD_TO_ROSTER, SEARCH_USERS, Reply
from roster.commands.rules import Rule
from roster.discovery import budget, detector
from roster.models import Account, Flag
from xmppservice.backoffice import site
from xmppservice.backoffice.words import number
from xmppservice.connection.gateway import Down, Late
from xmppservice.protocol.roster import RosterItem
from xmppservice.rosters import configured

PERMISSIONS = ("roster.view_account", "roster.view_payload")
TIMEOUT_SECONDS = 20  # for the XMPP server
MAX_CHARACTERS = 100_000
MAX_SHOWN = 200  # entries

Text = str | Promise

# A name before its address, with a comma or as two pasted cells of a table.
_LINE = re.compile(r"(?:(?P<name>.*)[,;\t])?(?P<address>[^,;\t]*)")

ANSWERS: Mapping[payloads.Code, Text] = {
    payloads.OK: _("It would succeed."),
    payloads.NO_USER_FOUND: _(
        "It would be refused: the owner is disabled, or unknown to the XMPP server."
    ),
    payloads.NO_CHANNEL_FOUND: _(
        "It would be refused: none of its contacts can be used."
    ),
    payloads.BAD_REQUEST: _("It would be refused: the payload cannot be used."),
    payloads.RATE_LIMITED: _("It would be answered in part, for known contacts only."),
}
# With these answers, the entries have been processed.
PROCESSED = (payloads.OK, payloads.RATE_LIMITED)

RULES: Mapping[Rule, Text] = {
    Rule.ADDED: _("Not on the roster: added as unverified."),
    Rule.GROUPED: _("On the roster without a group: added to a group."),
    Rule.GROUPED_AND_NAMED: _(
        "On the roster without a group and under another name: group "
        "and name are updated."
    ),
    Rule.NAMED: _("On the roster under another name: the name is updated."),
    Rule.NAMED_AND_PROMOTED: _(
        "A user, under another name: verified, and the name is updated."
    ),
    Rule.PROMOTED: _("A user: verified."),
    Rule.NOTHING: _("Already up to date."),
}


class CommandForm(forms.Form):
    """A command to simulate: its word, and its payload or a list of contacts."""

    command = forms.ChoiceField(
        label=_("Command"),
        choices=(
            (ADD_TO_ROSTER, _("Add to roster")),
            (SEARCH_USERS, _("Search users")),
        ),
        widget=forms.RadioSelect,
        initial=ADD_TO_ROSTER,
    )
    contacts = forms.CharField(
        label=_("Contacts"),
        max_length=MAX_CHARACTERS,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}
        ),
        help_text=_(
            "One per line: a phone number or a JID. To add to the roster, "
            "put a name first: “Mario Rossi, +39 347 111 1111”. You can "
            "also paste a JSON payload."
        ),
    )

    @property
    def payload(self) -> str:
        return payload_of(self.cleaned_data["command"], self.cleaned_data["contacts"])


def payload_of(word: str, text: str) -> str:
    """The payload that was typed, or one built from a contact per line."""
    if text.lstrip().startswith(("{", "[")):
        return text
    contacts = [_contact(line) for line in text.splitlines() if line.strip()]
    if word == SEARCH_USERS:
        return json.dumps({"userList": [contact["address"] for contact in contacts]})
    return json.dumps({"channelUsers": contacts})


def _contact(line: str) -> dict[str, str]:
    match = _LINE.fullmatch(line)
    assert match is not None
    return {key: (text or "").strip() for key, text in match.groupdict().items()}


# --- The page -----------------------------------------------------------------------


def may_view(request: HttpRequest) -> bool:
    return request.user.has_perms(PERMISSIONS)


@sensitive_post_parameters("contacts")
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """A form; once it is posted, the answer, its cost, and a row per entry."""
    if not may_view(request):
        raise PermissionDenied
    owner = get_object_or_404(Account, pk=pk)
    form = CommandForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {
        "owner": owner,
        "form": form,
        "flagged": Flag.objects.filter(owner=owner, released_at=None).exists(),
    }
    # A command proves that its owner is registered, and a dry run would store that.
    if request.method == "POST" and owner.gone_at is None and form.is_valid():
        context |= _result(owner, form.cleaned_data["command"], form.payload)
    template = "admin/roster/account/dry_run.html"
    above = above_pages_of(owner)
    return site.page(request, template, gettext("Dry run"), context, above=above)


def above_pages_of(owner: Account) -> list[site.Crumb]:
    """Return the pages above one about an account."""
    may_view = "roster.view_account"
    every = reverse("admin:roster_account_changelist")
    own = reverse("admin:roster_account_change", args=[owner.pk])
    return [
        site.Crumb(gettext("Accounts"), every, may_view),
        site.Crumb(owner.jid, own, may_view),
    ]


@sensitive_variables()
def _result(owner: Account, word: str, payload: str) -> dict[str, Any]:
    now = timezone.now()
    try:
        outcome = dry_run.run(
            owner, word, payload, configured.driver(), time.time() + TIMEOUT_SECONDS
        )
    except Down:
        return {"problem": _("The service is not connected to the XMPP server.")}
    except Late:
        return {"problem": _("The XMPP server did not answer in time.")}
    if outcome.failure:
        text = _("The XMPP server refuses what the command needs (%(why)s).")
        return {"problem": text % {"why": outcome.failure}}
    return {
        "answer": _answer(outcome),
        "cost": _cost(owner, outcome, budget.budget_of(owner, now)),
        "reasons": [detector.explain(reason) for reason in outcome.reasons],
        **_rows(owner, word, outcome),
    }


class ShownAnswer(NamedTuple):
    """What the client would get: in words, in parts, and as sent."""

    is_good: bool
    summary: Text
    status: int
    code: str
    messages: tuple[str, ...]
    users: list[str] | None
    retry_after: str
    payload: str


def _answer(outcome: DryRun) -> ShownAnswer:
    assert outcome.reply is not None
    reply: Reply = outcome.reply
    complete = replace(reply, messages=(*reply.messages, *outcome.problems))
    status, code = reply.code
    return ShownAnswer(
        is_good=reply.code == payloads.OK,
        summary=ANSWERS[reply.code],
        status=status,
        code=code,
        messages=complete.messages[: payloads.MAX_MESSAGES],
        users=reply.extra.get("userList"),
        retry_after=_duration(reply.extra.get("retryAfter", 0)),
        payload=complete.dumps(),
    )


def _duration(seconds: int) -> str:
    """Format seconds, also in a larger unit; empty for 0."""
    if not seconds:
        return ""
    text = ngettext("%(count)s second", "%(count)s seconds", seconds)
    exact = text % {"count": number(seconds)}
    now = timezone.now()
    rounded = timesince(now - timedelta(seconds=seconds), now, depth=1)
    return exact if seconds < 60 else f"{exact} ({rounded})"


def _cost(owner: Account, outcome: DryRun, before: float) -> dict[str, str] | None:
    """The owner's budget before and after; None when nothing was asked."""
    if outcome.left is None:
        return None
    charged = Counter(row.decision for row in outcome.rows)[BudgetDecision.CHARGED]
    cost = {"before": int(before), "charged": charged, "after": int(outcome.left)}
    return {name: number(n) for name, n in cost.items()}


# --- An entry -----------------------------------------------------------------------


class Row(NamedTuple):
    """An entry in words; ``account`` is the address of its page."""

    entry: payloads.RequestedContact
    kind: Text
    account: str
    decision: Text
    before: RosterItem | None
    after: RosterItem | None
    rule: Text


def _rows(owner: Account, word: str, outcome: DryRun) -> dict[str, Any]:
    if outcome.reply is None or outcome.reply.code not in PROCESSED:
        return {}
    # A search that finds no users does not read the roster.
    is_read = word == ADD_TO_ROSTER or any(row.verified for row in outcome.rows)
    rows = [_row(owner, word, outcome, row) for row in outcome.rows[:MAX_SHOWN]]
    return {"rows": rows, "is_read": is_read, "more": len(outcome.rows) - len(rows)}


def _row(owner: Account, word: str, outcome: DryRun, row: DryRunRow) -> Row:
    account = row.account
    link = reverse("admin:roster_account_change", args=[account.pk]) if account else ""
    return Row(
        entry=row.entry,
        kind=_kind(owner, row),
        account=link,
        decision=_decision_in_words(outcome, row),
        before=row.before,
        after=None if row.rule == Rule.NOTHING else row.after,
        rule=_rule(owner, word, row),
    )


def _is_owner(owner: Account, row: DryRunRow) -> bool:
    return row.entry.key == msisdn.account_key(owner.jid)


def _kind(owner: Account, row: DryRunRow) -> Text:
    match row.account:
        case _ if _is_owner(owner, row):
            return _("the owner")
        case _ if row.decision == BudgetDecision.NOT_ASKED:
            return _("of another domain")
        case None if row.decision == BudgetDecision.NOT_COVERED:
            return _("not looked up")
        case None:
            return _("unknown")
        case Account(gone_at=None, enabled=False):
            return _("a disabled user")
        case Account(gone_at=None, discoverable=False):
            return _("an undiscoverable user")
        case Account(gone_at=None):
            return _("a user")
    return _("no longer on the XMPP server")


def _decision_in_words(outcome: DryRun, row: DryRunRow) -> Text:
    match row.decision:
        case BudgetDecision.FREE:
            return _("free: looked up before")
        case BudgetDecision.CHARGED:
            return _("charged: new")
        case BudgetDecision.NOT_ASKED:
            return _("free: no lookup needed")
    if outcome.is_flagged:
        return _("not covered: the owner is flagged")
    return _("not covered: budget used up")


def _rule(owner: Account, word: str, row: DryRunRow) -> Text:
    if _is_owner(owner, row):
        return _("The user's own address is skipped.")
    if word == SEARCH_USERS and not row.verified:
        return _("Searches add only the users they find.")
    if row.rule == Rule.ADDED and row.verified:
        return _("Not on the roster, and a user: added as verified.")
    return RULES[row.rule]
