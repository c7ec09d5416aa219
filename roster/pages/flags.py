"""The admin pages of flagged owners: to read, and to clear."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from roster.discovery import detector
from roster.models import Account, Flag
from roster.pages.account_search import SEARCH_HELP, matching
from xmppservice.backoffice import lists
from xmppservice.backoffice.actions import ObjectActionAdmin
from xmppservice.backoffice.lists import Choice, LargeSortedAdmin
from xmppservice.backoffice.words import badge, day
from xmppservice.runtime import queries
from xmppservice.runtime.queries import MAX_PARAMETERS


def open_flags() -> QuerySet[Flag]:
    return Flag.objects.filter(released_at=None).order_by()


class ByFlagState(Choice):
    title = _("state")
    parameter_name = "state"
    words = (("open", _("open")), ("released", _("cleared")))

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Flag]
    ) -> QuerySet[Flag]:
        match self.value():
            case "open":
                return queryset.filter(released_at=None)
            case "released":
                return queryset.exclude(released_at=None)
        return queryset


class ByOwner(admin.SimpleListFilter):
    """The flags of one account, to which the account's page links."""

    title = _("account")
    parameter_name = "owner__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Any]:
        if not self.value():
            return ()
        owner = Account.objects.filter(pk=self._owner()).first()
        return [(self.value(), owner or "–")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Flag]
    ) -> QuerySet[Flag]:
        return queryset.filter(owner=self._owner()) if self.value() else queryset

    def _owner(self) -> int:
        """The chosen account's key; 0 for none."""
        value = self.value() or ""
        is_key = value.isascii() and value.isdigit() and len(value) < 19
        return int(value) if is_key else 0


class FlagAdmin(LargeSortedAdmin, ObjectActionAdmin):
    """Owners who appear to enumerate numbers, and why: to read, and to clear."""

    object_action = "release"
    list_display = ("owner", "why", "raised_at", "state")
    list_filter = (ByFlagState, ByOwner)
    list_select_related = ("owner",)
    ordering = (F("released_at").desc(nulls_first=True), "-raised_at", "-pk")
    search_fields = ("owner__jid",)
    search_help_text = SEARCH_HELP
    actions = ("release",)
    fieldsets = (
        (None, {"fields": ("account", "why", "effect")}),
        (_("Timing"), {"fields": ("raised_at", "released_at", "released_by")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Flag], search_term: str
    ) -> tuple[QuerySet[Flag], bool]:
        if not (term := search_term.strip()):
            return queryset, False
        keys = Account.objects.filter(matching(term)).order_by().values("pk")
        owners = keys[: lists.MAX_ROWS]
        return queryset.filter(owner__in=owners), False

    @admin.display(description=_("account"))
    def account(self, flag: Flag) -> str:
        url = reverse("admin:roster_account_change", args=[flag.owner_id])
        return format_html('<a href="{}">{}</a>', url, flag.owner.jid)

    @admin.display(description=_("why"))
    def why(self, flag: Flag) -> str:
        reasons = ((detector.explain(reason),) for reason in flag.reasons)
        return format_html(
            '<ul class="why">{}</ul>', format_html_join("", "<li>{}</li>", reasons)
        )

    @admin.display(description=_("effect"))
    def effect(self, flag: Flag) -> str:
        if flag.released_at is None:
            return gettext(
                "The user gets no answers to searches. Contacts can still be added "
                "to the roster, as unverified."
            )
        return gettext(
            "None. Lookups made before the flag was cleared no longer count."
        )

    @admin.display(description=_("state"))
    def state(self, flag: Flag) -> str:
        if flag.released_at is None:
            return badge(gettext("open"))
        params = {"day": day(flag.released_at), "person": flag.released_by}
        return gettext("cleared on %(day)s by %(person)s") % params

    # --- Releasing --------------------------------------------------------------------

    @admin.action(description=_("Clear flag"), permissions=["release"])
    def release(self, request: HttpRequest, queryset: QuerySet[Flag]) -> None:
        keys = queryset.order_by().values_list("pk", flat=True)
        self.act_and_report(request, list(keys[: lists.MAX_ROWS]))

    def act(self, request: HttpRequest, keys: Sequence[int]) -> int:
        released = {
            "released_at": timezone.now(),
            "released_by": request.user.get_username(),
        }
        count = 0
        for part in queries.batches(keys, MAX_PARAMETERS):
            count += open_flags().filter(pk__in=part).update(**released)
        return count

    def message(self, count: int) -> str:
        text = ngettext("%(count)s flag cleared.", "%(count)s flags cleared.", count)
        return text % {"count": count}

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("roster.change_flag")
