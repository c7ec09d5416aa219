"""The admin pages of accounts, to look up and switch."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from roster.discovery import budget
from roster.models import Account, Command, Flag
from roster.pages import account_roster, dry_run
from roster.pages.account_search import SEARCH_HELP, matching
from roster.pages.flags import open_flags
from roster.privacy import holders
from xmppservice.backoffice import lists
from xmppservice.backoffice.lists import Choice, LargeSortedAdmin
from xmppservice.backoffice.words import badge, day, number
from xmppservice.runtime import queries
from xmppservice.runtime.queries import MAX_PARAMETERS

LAST = 10  # commands on the page of an account
YES_NO = (("1", _("Yes")), ("0", _("No")))
HELP = {
    "enabled": _(
        "When off, this user's commands are refused and the user can't be found."
    ),
    "discoverable": _("When off, this user can't be found by phone number."),
}


class ByPresence(Choice):
    title = _("XMPP server")
    parameter_name = "gone"
    words = (("0", _("registered")), ("1", _("gone")), ("anew", _("registered anew")))

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Account]
    ) -> QuerySet[Account]:
        match self.value():
            case "0" | "1":
                return queryset.filter(gone_at__isnull=self.value() == "0")
            case "anew":
                return queryset.exclude(returned_at=None)
        return queryset


class ByFlag(Choice):
    title = _("flag")
    parameter_name = "flagged"
    words = YES_NO

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Account]
    ) -> QuerySet[Account]:
        flagged = Q(pk__in=open_flags().values("owner"))
        match self.value():
            case "1":
                return queryset.filter(flagged)
            case "0":
                return queryset.exclude(flagged)
        return queryset


class AccountAdmin(LargeSortedAdmin):
    list_display = (
        "jid",
        "number",
        "name",
        "enabled",
        "discoverable",
        "presence",
        "seen",
        "budget_used",
        "flagged",
    )
    list_filter = ("enabled", "discoverable", ByPresence, ByFlag)
    search_fields = ("jid", "msisdn", "name")
    search_help_text = SEARCH_HELP
    actions = ("enable", "disable", "show", "hide", "reassign", "keep_holder")
    readonly_fields = ("number", "presence", "checked_at", "last_seen", "budget_used")
    fieldsets = (
        (None, {"fields": ("jid", "number", "name", "enabled", "discoverable")}),
        (
            _("What is known"),
            {"fields": ("presence", "checked_at", "last_seen", "budget_used")},
        ),
    )

    # --- Reading ------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        flag = open_flags().filter(owner=OuterRef("pk"))
        rows: QuerySet[Account] = super().get_queryset(request)
        return rows.annotate(is_flagged=Exists(flag))

    def save_model(
        self, request: HttpRequest, obj: Account, form: Any, change: bool
    ) -> None:
        obj.save(update_fields=Account.EDITED if change else None)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Account], search_term: str
    ) -> tuple[QuerySet[Account], bool]:
        term = search_term.strip()
        return (queryset.filter(matching(term)) if term else queryset), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return self.fieldsets
        return [(None, {"fields": ("jid", "name", "enabled", "discoverable")})]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(request, obj, change, help_texts=HELP, **kwargs)

    @admin.display(description=_("number"))
    def number(self, account: Account) -> str:
        return account.msisdn or "–"

    @admin.display(description=_("XMPP server"))
    def presence(self, account: Account) -> str:
        if account.gone_at is None and account.returned_at is not None:
            return gettext("registered anew on %(day)s") % {
                "day": day(account.returned_at)
            }
        if account.gone_at is None:
            return gettext("registered")
        return gettext("gone since %(day)s") % {"day": day(account.gone_at)}

    @admin.display(description=_("last seen"))
    def seen(self, account: Account) -> str:
        return day(account.last_seen) if account.last_seen else "–"

    @admin.display(description=_("budget used"))
    def budget_used(self, account: Account) -> str:
        left = budget.budget_of(account, timezone.now())
        used = max(0, settings.DISCOVERY_BURST - int(left))
        params = {"used": used, "all": settings.DISCOVERY_BURST}
        grouped = {name: number(count) for name, count in params.items()}
        return gettext("%(used)s of %(all)s") % grouped

    @admin.display(description=_("flag"))
    def flagged(self, account: Any) -> str:
        return badge(gettext("flagged")) if account.is_flagged else "–"

    # --- Pages ----------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        pages = {"rehearse": (dry_run, "dry_run"), "roster": (account_roster, "roster")}
        own = [
            path(
                f"<int:pk>/{word}/",
                self.admin_site.admin_view(module.page),
                name=f"roster_account_{name}",
            )
            for word, (module, name) in pages.items()
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        may_view_flags = request.user.has_perm("roster.view_flag")
        count = open_flags().count() if may_view_flags else 0
        context = {"open_flags": count, **(extra_context or {})}
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context = {"may_dry_run": dry_run.may_view(request)}
        kwargs["extra_context"] = {**(kwargs.get("extra_context") or {}), **context}
        return super().change_view(request, *args, **kwargs)

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None and request.user.has_perm("roster.view_flag"):
            flags = Flag.objects.filter(owner=obj)
            context["has_flags"] = flags.exists()
            context["open_flag"] = flags.filter(released_at=None).first()
        if obj is not None and request.user.has_perm("roster.view_command"):
            commands = Command.objects.filter(owner=obj.jid).order_by("-pk")
            context["last_commands"] = commands.defer("payload", "answer")[:LAST]
        return super().render_change_form(request, context, add, change, form_url, obj)

    # --- Switching --------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # A deleted account comes back with the XMPP server's next report, and with a
        # new budget: one at a time, on purpose.
        actions = super().get_actions(request)
        return {
            name: action
            for name, action in actions.items()
            if name != "delete_selected"
        }

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        self._switch(request, queryset, enabled=True)

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        self._switch(request, queryset, enabled=False)

    @admin.action(description=_("Make discoverable"), permissions=["change"])
    def show(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        self._switch(request, queryset, discoverable=True)

    @admin.action(description=_("Make undiscoverable"), permissions=["change"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        self._switch(request, queryset, discoverable=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[Account], **value: bool
    ) -> None:
        ((field, on),) = value.items()
        changed = queryset.filter(**{field: not on})[: lists.MAX_ROWS]
        rows = list(changed.only("pk", "jid"))
        for part in queries.batches((row.pk for row in rows), MAX_PARAMETERS):
            _set(part, value)
        _log(request, rows, field)
        self._report(request, rows, _changed(len(rows)))

    # --- Numbers that change hands ----------------------------------------------------

    @admin.action(
        description=_("Registered anew: another person"), permissions=["change"]
    )
    def reassign(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        rows = self._returned(queryset)
        holders.reassigned([row.jid for row in rows], timezone.now())
        _log(request, rows, "holder")
        text = ngettext(
            "%(count)s account starts afresh.",
            "%(count)s accounts start afresh.",
            len(rows),
        )
        self._report(request, rows, text)

    @admin.action(
        description=_("Registered anew: the same person"), permissions=["change"]
    )
    def keep_holder(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        rows = self._returned(queryset)
        kept = Account.objects.filter(pk__in=[row.pk for row in rows])
        kept.update(returned_at=None)
        _log(request, rows, "holder")
        self._report(request, rows, _changed(len(rows)))

    def _returned(self, queryset: QuerySet[Account]) -> list[Account]:
        return list(queryset.exclude(returned_at=None)[:MAX_PARAMETERS])

    def _report(self, request: HttpRequest, rows: list[Account], text: str) -> None:
        level = messages.SUCCESS if rows else messages.WARNING
        self.message_user(request, text % {"count": len(rows)}, level)


def _changed(count: int) -> str:
    return ngettext("%(count)s account changed.", "%(count)s accounts changed.", count)


def _set(keys: list[int], value: Mapping[str, bool]) -> None:
    # Like Account.clean: a hidden account counts as not announced. All holders of its
    # number are queued once it is visible again.
    hidden = {} if all(value.values()) else {"announced": False}
    Account.objects.filter(pk__in=keys).update(**value, **hidden)


def _log(request: HttpRequest, rows: list[Account], field: str) -> None:
    if rows:
        change = [{"changed": {"fields": [field]}}]
        assert request.user.pk is not None
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, change)
