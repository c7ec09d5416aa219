"""The admin pages of commands: to watch and retry them, even a million."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Max, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from roster import statistics
from roster.commands import intake, payloads
from roster.models import Account, Command
from roster.pages import dry_run
from xmppservice.backoffice import lists
from xmppservice.backoffice.actions import ObjectActionAdmin
from xmppservice.backoffice.lists import Choice, LargeAdmin, begins_with
from xmppservice.backoffice.words import duration

State = Command.State

VIEW_PAYLOAD = "roster.view_payload"
WORDS = (payloads.ADD_TO_ROSTER, payloads.SEARCH_USERS)
MAX_SAME_ID = 100  # with the same id


class ByState(Choice):
    title = _("state")
    parameter_name = "state"
    words = tuple(State.choices)

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Command]
    ) -> QuerySet[Command]:
        state = self.value()
        return statistics.in_state(queryset, state) if state else queryset


class ByWord(Choice):
    """Offers known words only: others are arbitrary text from clients."""

    title = _("command")
    parameter_name = "command"
    words = (*((word, word) for word in WORDS), ("other", _("other")))

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Command]
    ) -> QuerySet[Command]:
        if self.value() in WORDS:
            return queryset.filter(statistics.newest(Command), command=self.value())
        if self.value() == "other":
            return queryset.filter(statistics.newest(Command)).exclude(
                command__in=WORDS
            )
        return queryset


class ByAge(Choice):
    title = _("received at")
    parameter_name = "age"
    words = (
        ("hour", _("in the last hour")),
        ("day", _("in the last day")),
        ("older", _("more than a day ago")),
    )

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Command]
    ) -> QuerySet[Command]:
        age = {"hour": timedelta(hours=1)}.get(self.value() or "", timedelta(days=1))
        match self.value():
            case "hour" | "day":
                return queryset.filter(pk__gte=_first_after(age))
            case "older":
                return queryset.filter(pk__lt=_first_after(age))
        return queryset


def _first_after(age: timedelta) -> int:
    """The first key of commands younger than ``age``.

    Keys grow with time and are indexed: twenty queries find it.
    """
    ends = Command.objects.aggregate(first=Min("pk"), last=Max("pk"))
    low, high = ends["first"] or 0, (ends["last"] or 0) + 1
    moment = timezone.now() - age
    while low < high:
        middle = (low + high) // 2
        row = Command.objects.filter(pk__gte=middle).order_by("pk")
        received_at = row.values_list("received_at", flat=True).first()
        if received_at is None or received_at >= moment:
            high = middle
        else:
            low = middle + 1
    return low


class CommandAdmin(LargeAdmin, ObjectActionAdmin):
    """Clients' commands and their state: read-only, but dead ones can be retried."""

    list_display = (
        "id",
        "state",
        "word",
        "owner",
        "attempts",
        "received_at",
        "answered_in",
        "error",
    )
    list_filter = (ByState, ByWord, ByAge)
    search_fields = ("owner", "stanza_id")
    search_help_text = _("The beginning of an owner's JID, or a whole stanza id")
    actions = ("retry",)
    object_action = "retry"
    fieldsets = (
        (
            None,
            {"fields": ("state", "command", "owner_link", "stanza_id", "attempts")},
        ),
        (
            _("Timing"),
            {"fields": ("received_at", "done_at", "sent_at", "answered_in")},
        ),
        (_("Answer"), {"fields": ("status", "error_code", "final", "error")}),
        (
            _("Envelope"),
            {
                "fields": (
                    "sender",
                    "thread",
                    "message_type",
                    "namespace",
                    "envelope_type",
                    "envelope_action",
                )
            },
        ),
    )

    # --- Reading ------------------------------------------------------------------

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Command], search_term: str
    ) -> tuple[QuerySet[Command], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        keys = Command.objects.order_by().values_list("pk", flat=True)
        by_owner = keys.filter(begins_with("owner", term.lower()))[: lists.MAX_ROWS]
        # Two queries: a combined one would search all rows.
        by_id = list(
            keys.filter(statistics.newest(Command), stanza_id=term)[:MAX_SAME_ID]
        )
        return queryset.filter(Q(pk__in=by_owner) | Q(pk__in=by_id)), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Command]:
        rows = super().get_queryset(request)
        is_list = request.resolver_match and request.resolver_match.kwargs == {}
        return rows.defer("payload", "answer") if is_list else rows

    @admin.display(description=_("owner"))
    def owner_link(self, command: Command) -> str:
        """The owner, with a link to the account if there is one."""
        account = Account.objects.filter(jid=command.owner).only("pk").first()
        if account is None:
            return command.owner
        address = reverse("admin:roster_account_change", args=[account.pk])
        return format_html('<a href="{}">{}</a>', address, command.owner)

    def change_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offer to simulate the command, with its own payload."""
        command = self.get_object(request, kwargs.get("object_id") or args[0])
        account = None
        may_rehearse = command is not None and command.command in WORDS
        if command and may_rehearse and command.payload and dry_run.may_view(request):
            account = Account.objects.filter(jid=command.owner).only("pk").first()
        context = {"rehearsed": account and account.pk}
        kwargs["extra_context"] = {**(kwargs.get("extra_context") or {}), **context}
        return super().change_view(request, *args, **kwargs)

    @admin.display(description=_("command"))
    def word(self, command: Command) -> str:
        return command.command if command.command in WORDS else gettext("other")

    @admin.display(description=_("answered in"))
    def answered_in(self, command: Command) -> str:
        if command.sent_at is None:
            return "–"
        return duration((command.sent_at - command.received_at).total_seconds())

    @admin.display(description=_("status"))
    def status(self, command: Command) -> str:
        return str(_part(command.answer, "status", "–"))

    @admin.display(description="errorCode")
    def error_code(self, command: Command) -> str:
        return str(_part(command.answer, "errorCode", "") or "–")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_read = request.user.has_perm(VIEW_PAYLOAD)
        # It holds other people's numbers: not even staff needs to read it.
        content = ("payload", "answer") if may_read else ("hidden",)
        return [*self.fieldsets, (_("Content"), {"fields": content})]

    @admin.display(description=_("payload and answer"))
    def hidden(self, command: Command) -> str:
        text = gettext("hidden: needs the permission “%(permission)s”")
        return text % {"permission": gettext("Can read payloads and answers")}

    # --- Trying again -------------------------------------------------------------

    @admin.action(description=_("Retry dead commands"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Command]) -> None:
        dead = queryset.filter(state=State.DEAD).values_list("pk", flat=True)
        self.act_and_report(request, list(dead[: lists.MAX_ROWS]))

    def act(self, request: HttpRequest, keys: Sequence[int]) -> int:
        return intake.retry(keys)

    def message(self, count: int) -> str:
        text = ngettext(
            "%(count)s command will be retried.",
            "%(count)s commands will be retried.",
            count,
        )
        return text % {"count": count}

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.change_command")


def _part(answer: str, name: str, missing: Any) -> Any:
    """A field of an answer, which is a JSON object."""
    return json.loads(answer).get(name, missing) if answer else missing
