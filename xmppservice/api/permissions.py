"""Permissions and throttling of the API."""

from collections.abc import Sequence
from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from xmppservice.api.models import Token


class Allowed(BasePermission):
    """Check the user's Django permissions and the token's scopes.

    A view names its ``scope``, or several, to which ``:read`` or ``:write`` is added,
    and in ``needs`` one or several permissions for each action (for a plain view, each
    method); None admits every user. Reading needs a permission, too: accounts are
    phone numbers.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        for scope in _several(view.scope):
            _refuse_scope(request, scope)
        action = action_of(request, view)
        if action is None:
            return True  # the view itself refuses unknown methods
        return request.user.has_perms(_several(view.needs[action] or ()))


def _several(names: str | Sequence[str]) -> Sequence[str]:
    return (names,) if isinstance(names, str) else names


def action_of(request: Request, view: Any) -> str | None:
    """Return the requested action; None when the view does not have the method."""
    method = str(request.method).lower()
    if method == "options":
        return None
    if hasattr(view, "action_map"):
        result: str | None = view.action
        return result
    method = "get" if method == "head" else method
    return method if hasattr(view, method) else None


def _refuse_scope(request: Request, scope: str) -> None:
    access = "read" if request.method in SAFE_METHODS else "write"
    required = f"{scope}:{access}"
    if isinstance(request.auth, Token) and required not in request.auth.scopes:
        text = f"The token lacks the scope {required}. Use a token that has it."
        raise PermissionDenied(text, "scope")


class Throttle(SimpleRateThrottle):
    """Limit the requests per minute of each token, and of each user with a session."""

    scope = "api"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        if isinstance(request.auth, Token):
            return f"throttle.token.{request.auth.pk}"
        if request.user.is_authenticated:
            return f"throttle.user.{request.user.pk}"
        return None
