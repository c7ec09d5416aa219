"""The tree in the admin: the list of its entries, and their form."""

import re
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from tree_queries.admin import TreeChangeList

from buddies.campaigns import log
from buddies.campaigns.deciding import decide_as_written
from buddies.campaigns.desk import LIVE, CampaignDesk, LiveDesk
from buddies.document import build
from buddies.models import Buddy, Campaign, Release
from buddies.pages import (
    actions,
    campaigns,
    cut_and_paste,
    home,
    link_dialog,
    putting_back,
    status,
    transfer,
    workspace,
)
from buddies.pages.answers import check_after
from buddies.pages.cut_and_paste import seen_by
from buddies.pages.desks import (
    desk_for,
    may_edit,
    query,
    whole_number,
    workspace_address,
    workspace_link,
)
from buddies.pages.forms import BuddyForm, GroupSelect, SwitchesForm
from buddies.pages.version_list import ReleaseAdmin
from buddies.publishing import releases
from buddies.tree import edits, history, snapshot
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site
from xmppservice.backoffice.model_admin import StrictAdmin

ROW = re.compile(r"form-\d+-id")  # of the list, in a POST
LOCKED = _(
    "Apps already use this address, so it can't be changed here: "
    "messages would go elsewhere. An administrator can allow "
    "changing it."
)


@admin.register(Buddy)
class BuddyAdmin(StrictAdmin):
    form = BuddyForm
    list_display = (
        "indented_name",
        "mobile_is_published",
        "web_is_published",
        "place",
        "remarks",
        "status",
    )
    list_editable = ("mobile_is_published", "web_is_published")
    list_filter = ("type", "mobile_is_published", "web_is_published")
    list_per_page = 200
    search_fields = ("name", "status", "address", "server_address")
    autocomplete_fields = ("parent",)
    actions = (*actions.ALL, transfer.export)
    fieldsets = (
        (
            _("What people see"),
            {
                "fields": (
                    "type",
                    "name",
                    "status",
                    "default_message",
                    "avatar",
                    "image_url",
                    "thumb_url",
                )
            },
        ),
        (
            _("Where it appears"),
            {"fields": ("parent", "mobile_is_published", "web_is_published")},
        ),
        (
            _("Schedule"),
            {"fields": ("visible_from", "visible_until")},
        ),
        (_("Technical"), {"fields": ("address", "server_address")}),
    )

    # --- Reading --------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        pages = (home, putting_back, workspace, campaigns, link_dialog, transfer)
        own = [url for page in pages for url in page.urls(self.admin_site)]
        return [*own, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return TreeChangeList

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=SwitchesForm, **kwargs)

    def get_list_display(self, request: HttpRequest) -> Any:
        may_move = self.has_change_permission(request)
        return [name for name in self.list_display if may_move or name != "place"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Buddy]:
        below = Buddy.objects.without_tree_fields().filter(parent=OuterRef("pk"))
        entries: QuerySet[Buddy] = Buddy.objects.with_tree_fields()
        return entries.annotate(holds_entries=Exists(below))

    @admin.display(description=_("name"))
    def indented_name(self, buddy: Buddy) -> str:
        # One element per level: the security policy forbids inline styles.
        depth = getattr(buddy, "tree_depth", 0)
        levels = format_html_join("", "<i>{}</i>", [("",)] * depth)
        return format_html(
            '<span class="entry {}">{}{}</span>', buddy.type, levels, buddy.name
        )

    @admin.display(description=_("remarks"))
    def remarks(self, buddy: Buddy) -> str:
        is_empty = not getattr(buddy, "holds_entries", True)
        return ", ".join(build.remarks(buddy, is_empty, timezone.now()))

    @admin.display(description=_("place"))
    def place(self, buddy: Buddy) -> str:
        return cut_and_paste.buttons(buddy)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Buddy], search_term: str
    ) -> tuple[QuerySet[Buddy], bool]:
        if request.GET.get("field_name") == "parent":
            queryset = queryset.filter(type=Buddy.Type.GROUP)
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            if "_undo" in request.POST:
                return self._undo(request)
            if {"_save", "_cut", "_paste", "_drop"} & request.POST.keys():
                self._refuse_deleted(request)
            if {"_cut", "_paste", "_drop"} & request.POST.keys():
                return self._cut_or_paste(request)
            context = {
                "title": _("Table"),
                "state": status.state(request.user, LIVE),
                **cut_and_paste.page_context(request),
            }
            return super().changelist_view(
                request, {**(extra_context or {}), **context}
            )
        except (TreeError, ValidationError) as error:
            self._show_error(request, error)
            return HttpResponseRedirect(request.get_full_path())

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show who changed what in an entry, even a deleted one, and when."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            number, desk = whole_number(object_id), self._take_desk(request)
        except TreeError as error:
            self._show_error(request, error)
            return _elsewhere(request)
        drafted = []
        if isinstance(desk, CampaignDesk):
            drafted = list(log.of_entry(desk.campaign, desk.view.keys.get(number, "")))
        entries = history.of_entry(number) if number > 0 else []
        if not entries and not drafted:
            raise Http404
        title = _("History of “%(name)s”") % {"name": [*drafted, *entries][0].name}
        context = {
            "history": entries,
            "drafted": drafted,
            "campaign": desk.campaign,
            "number": number,
            "is_there": Buddy.objects.filter(pk=number).exists(),
            # In a campaign, its own history is what is undone.
            "may_put_back": not desk.campaign and self.has_change_permission(request),
            "here": request.get_full_path(),
        }
        above = [workspace_link(desk.campaign)]
        template = "admin/buddies/history.html"
        return site.page(request, template, title, context, above=above)

    # --- The desk: what is live, or a campaign -----------------------------------

    def _desk(self, request: HttpRequest) -> LiveDesk | CampaignDesk:
        """Return the desk of a request: what is live, except on an entry's pages."""
        found: LiveDesk | CampaignDesk = getattr(request, "desk", LIVE)
        return found

    def _take_desk(self, request: HttpRequest) -> LiveDesk | CampaignDesk:
        """Make what the address names the desk of a request; raises TreeError."""
        desk = desk_for(request)
        request.desk = desk  # type: ignore[attr-defined]  # kept for this request
        return desk

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_edit(request.user, self._desk(request), "add_buddy")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_edit(request.user, self._desk(request), "change_buddy")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_edit(request.user, self._desk(request), "delete_buddy")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        desk = self._desk(request)
        if isinstance(desk, CampaignDesk):
            return desk.view.own(whole_number(object_id))
        return super().get_object(request, object_id, from_field)

    # --- The form ---------------------------------------------------------------

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if self._is_locked(request, obj):
            kwargs["help_texts"] = {**BuddyForm.Meta.help_texts, "address": LOCKED}
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.desk = self._desk(request)
        return form

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["widget"] = GroupSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("address", "server_address") if self._is_locked(request, obj) else ()

    def _is_locked(self, request: HttpRequest, obj: Buddy | None) -> bool:
        if obj is None or request.user.has_perm("buddies.change_address"):
            return False
        # What clients know is what was live, also while a campaign changes it.
        live = Buddy.objects.filter(pk=obj.pk).first()
        return live is not None and releases.has_shown(live)

    @admin.display(description=_("Picture"))
    def avatar(self, buddy: Buddy) -> str:
        """Show the picture to users who cannot edit."""
        address = buddy.image_url or buddy.thumb_url
        # The contract's own examples say "http://....", which cannot be loaded.
        if not re.match(r"https?://\w|/\w", address):
            return self.get_empty_value_display()
        return format_html('<img class="avatar-seen" src="{}" alt="">', address)

    # --- Writing: through the tree, under its lock ------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        # Another user may edit between the form's check and the lock.
        try:
            campaign = self._take_desk(request).campaign
            own = {"campaign": campaign, "query": query(campaign)}
            context = {**(extra_context or {}), **own}
            return super().changeform_view(request, object_id, form_url, context)
        except (TreeError, ValidationError) as error:
            self._show_error(request, error)
            return _elsewhere(request)

    def _show_error(self, request: HttpRequest, error: Exception) -> None:
        reasons = error.messages if isinstance(error, ValidationError) else [str(error)]
        for reason in reasons:
            self.message_user(request, reason, messages.ERROR)

    def save_model(
        self, request: HttpRequest, obj: Buddy, form: forms.Form, change: bool
    ) -> None:
        editor, desk = request.user.get_username(), self._desk(request)
        if change:
            # Only what this user changed: others may have changed the rest.
            fields = {name: getattr(obj, name) for name in form.changed_data}
            desk.edits.change([obj], editor, seen_by(request), **fields)
            if desk.campaign and "decide" in request.GET:
                # The card of a decision led here, to write another value.
                names = {snapshot.name_of(name) for name in fields}
                key = str(obj.key)
                decide_as_written(desk.campaign.pk, editor, key, names)
        else:
            desk.edits.add(obj, editor)
        check_after(request, obj)

    def response_add(
        self, request: HttpRequest, obj: Buddy, post_url_continue: str | None = None
    ) -> HttpResponse:
        campaign = self._desk(request).campaign
        if campaign:
            return self._response_in(campaign, request, obj)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Buddy) -> HttpResponse:
        campaign = self._desk(request).campaign
        if campaign:
            return self._response_in(campaign, request, obj)
        return super().response_change(request, obj)

    def _response_in(
        self, campaign: Campaign, request: HttpRequest, obj: Buddy
    ) -> HttpResponse:
        """Say where it was saved; each button leads to a page of the campaign."""
        text = _("“%(entry)s” is saved in “%(name)s”, not live.")
        params = {"entry": obj, "name": campaign.name}
        self.message_user(request, text % params, messages.SUCCESS)
        address = reverse("admin:buddies_workspace")
        if "_continue" in request.POST:
            address = reverse("admin:buddies_buddy_change", args=[obj.pk])
        elif "_addanother" in request.POST:
            address = reverse("admin:buddies_buddy_add")
        return HttpResponseRedirect(address + query(campaign))

    def response_post_save_add(
        self, request: HttpRequest, obj: Buddy
    ) -> HttpResponseRedirect:
        return _back(request) or super().response_post_save_add(request, obj)

    def response_post_save_change(
        self, request: HttpRequest, obj: Buddy
    ) -> HttpResponseRedirect:
        return _back(request) or super().response_post_save_change(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """List all that is deleted, flat: Django's list nests as deep as the tree."""
        names = [str(buddy) for buddy in self._branch(request, objs)]
        needed = set() if self.has_delete_permission(request) else {"entry"}
        return names, {self.opts.verbose_name_plural: len(names)}, needed, []

    def _branch(self, request: HttpRequest, objs: Any) -> list[Buddy]:
        desk = self._desk(request)
        if isinstance(desk, CampaignDesk):
            return workspace.branch(desk, [obj.pk for obj in objs])
        return edits.branch(objs)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> Any:
        try:
            desk = self._take_desk(request)
            context = {"seen": desk.version, "campaign": desk.campaign}
            return super().delete_view(request, object_id, extra_context=context)
        except (TreeError, ValidationError) as error:
            self._show_error(request, error)
            return _elsewhere(request)

    def response_delete(
        self, request: HttpRequest, obj_display: str, obj_id: Any
    ) -> HttpResponse:
        response = super().response_delete(request, obj_display, obj_id)
        return _back(request) or response

    def delete_model(self, request: HttpRequest, obj: Buddy) -> None:
        desk = self._desk(request)
        desk.edits.remove([obj], request.user.get_username(), seen_by(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Buddy]) -> None:
        edits.remove(queryset, request.user.get_username(), seen_by(request))

    def _refuse_deleted(self, request: HttpRequest) -> None:
        # For a deleted row Django says that there is an error, but not which.
        rows = filter(ROW.fullmatch, request.POST)
        keys = {whole_number(request.POST[name]) for name in rows}
        existing = Buddy.objects.filter(pk__in=keys).values_list("pk", flat=True)
        for key in sorted(keys.difference(existing)):
            raise TreeError(history.missed(key, seen_by(request) or 0))

    def _undo(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        version = whole_number(request.POST["_undo"])
        LIVE.undo(version, request.user.get_username())
        return HttpResponseRedirect(request.get_full_path())

    # --- Cut and paste: without a script, a mouse or a keyboard ------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        if cut_and_paste.CUT in request.session:
            for buddy in changelist.result_list:
                buddy.can_paste = True
        return changelist

    def _cut_or_paste(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        # Save what was switched in the list before.
        data = request.POST.copy()
        data["_save"] = "1"
        request.POST = data  # type: ignore[assignment]  # the stub says it is immutable
        response = super().changelist_view(request)
        if response.status_code != HTTPStatus.FOUND:
            return response
        if moved := cut_and_paste.apply(request):
            names = ", ".join(f"“{buddy}”" for buddy in moved)
            self.message_user(request, _("Moved %(names)s.") % {"names": names})
        return response


def _back(request: HttpRequest) -> HttpResponseRedirect | None:
    """Redirect to the workspace if the user came from there, or edits a campaign."""
    number = whole_number(request.GET.get("campaign", ""))
    if request.GET.get("from") != "workspace" and not number:
        return None
    address = reverse("admin:buddies_workspace")
    return HttpResponseRedirect(f"{address}?campaign={number}" if number else address)


def _elsewhere(request: HttpRequest) -> HttpResponseRedirect:
    """Redirect away from an entry that is stale or gone, or a campaign that is over."""
    if "campaign" in request.GET:
        campaign = getattr(request, "desk", LIVE).campaign
        return HttpResponseRedirect(workspace_address(campaign))
    return HttpResponseRedirect(reverse("admin:buddies_buddy_changelist"))


admin.site.register(Release, ReleaseAdmin)
