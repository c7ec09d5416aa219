"""API tokens in the admin: the secret is shown once; deleting a token revokes it."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xmppservice.api import tokens
from xmppservice.api.models import SCOPES, Token
from xmppservice.backoffice import site
from xmppservice.backoffice.fields import MomentInput, SplitMomentField
from xmppservice.backoffice.model_admin import StrictAdmin

DEFAULT_LIFETIME = timedelta(days=365)


def _default_expiry() -> Any:
    return timezone.now().replace(microsecond=0) + DEFAULT_LIFETIME


SCOPE_WORDS = {
    "document:read": gettext_lazy("read what apps read"),
    "tree:read": gettext_lazy("read groups and channels, drafts too"),
    "tree:write": gettext_lazy("change groups and channels"),
    "campaigns:read": gettext_lazy("read campaigns"),
    "campaigns:write": gettext_lazy("change campaigns and publish them"),
    "releases:read": gettext_lazy("read versions"),
    "releases:write": gettext_lazy("go back to a version"),
    "accounts:read": gettext_lazy("read accounts, with their phone numbers"),
    "accounts:write": gettext_lazy("switch accounts on and off"),
    "commands:read": gettext_lazy("read the commands of apps"),
    "commands:write": gettext_lazy("retry commands"),
    "delivery:read": gettext_lazy("read whether everything works"),
}


class TokenForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What this token may access"),
        choices=[
            (scope, format_lazy("{} ({})", SCOPE_WORDS[scope], scope))
            for scope in SCOPES
        ],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "The parts of the API it can use, within its user's permissions."
        ),
    )

    class Meta:
        model = Token
        fields = ("name", "user", "scopes", "expires_at")
        field_classes = {"expires_at": SplitMomentField}
        widgets = {
            "expires_at": MomentInput(
                gettext_lazy("Expires at: date"), gettext_lazy("Expires at: time")
            )
        }


@admin.register(Token)
class TokenAdmin(StrictAdmin):
    """Non-superusers create and see only their own tokens, with their own rights."""

    form = TokenForm
    list_display = ("name", "user", "start", "opens", "expires_at", "used_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    readonly_fields = ("start", "created_at", "used_at")

    @admin.display(description=gettext_lazy("Scopes"))
    def opens(self, token: Token) -> str:
        return ", ".join(token.scopes)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(user=request.user)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        user_field = ("user",) if request.user.is_superuser and obj is None else ()
        details = self.readonly_fields if obj else ()
        return ("name", *user_field, "scopes", "expires_at", *details)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = {"user": request.user, "expires_at": _default_expiry()}
        return {**initial, **super().get_changeform_initial_data(request)}

    def save_model(
        self, request: HttpRequest, obj: Token, form: Any, change: bool
    ) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        if not request.user.is_superuser:
            obj.user_id = request.user.pk or 0
        # response_add shows it; a message would store it in a cookie.
        obj.secret = tokens.set_new_secret(obj)
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Token, post_url_continue: Any = None
    ) -> HttpResponse:
        context = {"token": obj, "secret": obj.secret}
        response = site.page(
            request, "admin/xmppservice/token_made.html", _("New token"), context
        )
        response.headers["Cache-Control"] = "no-store"
        return response
