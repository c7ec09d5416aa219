"""The back office: the admin with a navigation that depends on permissions."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from xmppservice.backoffice import branding
from xmppservice.backoffice.model_admin import StrictAdmin

MAY_VIEW_ENTRIES = "buddies.view_buddy"
WORKSPACE = "admin:buddies_workspace"


MORE = _("More")  # the page with everything that a user may view


class Crumb(NamedTuple):
    """A page above another one: its label, address and required permission."""

    label: str
    address: str
    permission: str = MAY_VIEW_ENTRIES


class Section(NamedTuple):
    """An entry of the navigation: its label, page and required permission."""

    label: str | Promise
    page: str
    permission: str


class Link(NamedTuple):
    """An entry of the navigation, rendered for one request."""

    label: str | Promise
    url: str
    is_current: bool


SECTIONS = (
    Section(_("Home"), "admin:buddies_home", MAY_VIEW_ENTRIES),
    Section(_("Channels"), WORKSPACE, MAY_VIEW_ENTRIES),
    Section(_("Import & export"), "admin:buddies_transfer", MAY_VIEW_ENTRIES),
    Section(_("Versions"), "admin:buddies_release_changelist", "buddies.view_release"),
    Section(_("Accounts"), "admin:roster_account_changelist", "roster.view_account"),
    Section(_("Commands"), "admin:roster_command_changelist", "roster.view_command"),
    Section(_("Delivery"), "delivery", "roster.view_command"),
    Section(_("Users"), "admin:auth_user_changelist", "auth.view_user"),
)


class BackOffice(AdminSite):
    """The default admin site."""

    site_url = None  # the admin is the site
    enable_nav_sidebar = False  # the tree needs the width
    index_title = MORE

    def register(
        self,
        model_or_iterable: Any,
        admin_class: type[ModelAdmin] | None = None,
        **options: Any,
    ) -> None:
        """Register models; every model admin is a strict one, also Django's own."""
        strict = admin_class or StrictAdmin
        if not issubclass(strict, StrictAdmin):
            strict = type(strict.__name__, (StrictAdmin, strict), {})
        super().register(model_or_iterable, strict, **options)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Complete the fields that a form completes; Django takes any relation."""
        names = ("app_label", "model_name", "field_name")
        app, model, field = (request.GET.get(name, "") for name in names)
        admins = [
            model_admin
            for registered, model_admin in self._registry.items()
            if registered._meta.label_lower == f"{app}.{model}"
        ]
        if not any(field in one.get_autocomplete_fields(request) for one in admins):
            raise PermissionDenied
        return super().autocomplete_view(request)

    def index(  # type: ignore[override]  # it may redirect
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # ?all shows Django's index of everything that the user may view.
        if "all" not in request.GET and request.user.has_perm(MAY_VIEW_ENTRIES):
            return HttpResponseRedirect(reverse(WORKSPACE))
        return super().index(request, extra_context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        own, navigation = branding.product(), links(request)
        return {
            **super().each_context(request),
            "navigation": navigation,
            "is_in_navigation": any(link.is_current for link in navigation),
            "product": own,
            "site_header": own.name,
            "site_title": own.name,
        }


def links(request: HttpRequest) -> list[Link]:
    """Return the navigation for the user of a request."""
    if not request.user.is_staff:
        return []
    entries = [
        (section.label, reverse(section.page))
        for section in _permitted_sections(request)
    ]
    entries.append((MORE, reverse("admin:index") + "?all"))
    current = _current(request, [url for _, url in entries])
    return [Link(label, url, url == current) for label, url in entries]


def _permitted_sections(request: HttpRequest) -> Iterator[Section]:
    return (
        section for section in SECTIONS if request.user.has_perm(section.permission)
    )


def _current(request: HttpRequest, urls: list[str]) -> str:
    # The longest match: a page's URL may begin with another page's.
    current_path = request.get_full_path()
    return max(
        (url for url in urls if current_path.startswith(url)), key=len, default=""
    )


def page(
    request: HttpRequest,
    template: str,
    title: str,
    context: dict[str, Any],
    *,
    above: Sequence[Crumb] = (),
) -> TemplateResponse:
    """Render one of our own pages inside the back office.

    ``above`` are the pages that lead to it, the first of them in the navigation. Those
    that the user may not open are named without a link.
    """
    base_context = admin.site.each_context(request)
    linked = [
        one if request.user.has_perm(one.permission) else one._replace(address="")
        for one in above
    ]
    own = {"title": title, "above": linked}
    return TemplateResponse(request, template, {**base_context, **own, **context})
