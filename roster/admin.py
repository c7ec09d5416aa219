"""Accounts to look up and switch; commands to watch and try again."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from roster import ledger
from roster.models import Account, Command


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ("jid", "msisdn", "name", "enabled", "discoverable", "last_seen")
    list_filter = ("enabled", "discoverable")
    search_fields = ("jid", "msisdn", "name")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Account], search_term: str
    ) -> tuple[QuerySet[Account], bool]:
        # Each word is a part of the query, and a query has its limits.
        words = " ".join(search_term.split()[:10])
        return super().get_search_results(request, queryset, words)


@admin.register(Command)
class CommandAdmin(admin.ModelAdmin):
    """What clients asked and how it stands: to read, and to retry what died."""

    list_display = (
        "id",
        "state",
        "command",
        "owner",
        "attempts",
        "received_at",
        "error",
    )
    list_filter = ("state",)  # a command word is whatever a client wrote
    search_fields = ("owner", "stanza_id")
    actions = ("retry",)
    # A payload holds other people's numbers: not even staff needs to read it.
    exclude = ("payload", "answer", "claim")

    @admin.action(description=_("Try dead commands again"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Command]) -> None:
        count = ledger.retry(list(queryset))
        text = ngettext(
            "%(count)s command is tried again.",
            "%(count)s commands are tried again.",
            count,
        )
        self.message_user(request, text % {"count": count})

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.change_command")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
