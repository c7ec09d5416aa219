"""Who may use the API, and how often."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from xmppservice.api.models import Token


class Allowed(BasePermission):
    """What a user may in Django, and a token by its scopes.

    A view names its ``scope``, to which ``:read`` or ``:write`` is added, and in
    ``needs`` the permission for each action (for a plain view, each method), or
    several; None opens it to every user. Reading needs one, too: accounts are phone
    numbers.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        _refuse_scope(request, view.scope)
        action = _action(request, view)
        if action is None:
            return True  # not one of its methods, as it will say
        needed = view.needs[action] or ()
        return request.user.has_perms((needed,) if isinstance(needed, str) else needed)


def _action(request: Request, view: Any) -> str | None:
    """What is asked of a view; None when it does not know the method."""
    method = str(request.method).lower()
    if method == "options":
        return None
    if hasattr(view, "action_map"):
        result: str | None = view.action
        return result
    method = "get" if method == "head" else method
    return method if hasattr(view, method) else None


def _refuse_scope(request: Request, scope: str) -> None:
    kind = "read" if request.method in SAFE_METHODS else "write"
    wanted = f"{scope}:{kind}"
    if isinstance(request.auth, Token) and wanted not in request.auth.scopes:
        raise PermissionDenied(f"The token lacks the scope {wanted}.", "scope")


class Throttle(SimpleRateThrottle):
    """So many requests a minute for each token, and for each user with a session."""

    scope = "api"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        if isinstance(request.auth, Token):
            return f"throttle.token.{request.auth.pk}"
        if request.user.is_authenticated:
            return f"throttle.user.{request.user.pk}"
        return None
