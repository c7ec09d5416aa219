"""Views that refuse what their description does not name.

All views of the API derive from these. Source: decision 0045.
"""

from typing import Any, NamedTuple

from django.views import View
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from xmppservice.api import problems, representation
from xmppservice.api.permissions import action_of
from xmppservice.api.serializers import Serializer

WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Nothing(Serializer):
    """The body of a request that takes none: empty, or an object without fields."""


class Operation(NamedTuple):
    """What the description of an operation says about its requests."""

    parameters: frozenset[str]  # of the query
    takes_body: bool


class Described(APIView):
    """A view that takes the parameters and the body of its description, no others."""

    # Of ours, only the document answers preflights.
    http_method_names = [name for name in View.http_method_names if name != "options"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # First authenticate the client, check its permissions and throttle it.
        super().initial(request, *args, **kwargs)
        action = action_of(request, self)
        if action is None:
            return
        operation = _operation(self, action, str(request.method))
        _refuse_unknown(request, operation)
        if "Transfer-Encoding" in request.headers and request.method in WRITES:
            # Django reads as many bytes as Content-Length says, and so none.
            raise problems.LengthRequired
        if request.method in WRITES and not operation.takes_body:
            # Read as a whole, because an Idempotency-Key reads it again.
            representation.whole_body(request)
            Nothing(data=request.data).is_valid(raise_exception=True)


def _operation(view: Any, action: str, method: str) -> Operation:
    key = (type(view), action, method)
    if key not in _operations:
        _operations[key] = _described(view, action, method)
    return _operations[key]


_operations: dict[tuple[type, str, str], Operation] = {}


def _described(view: Any, action: str, method: str) -> Operation:
    """Read an operation from the schema that describes it."""
    own = getattr(getattr(view, action), "kwargs", {}).get("schema")
    schema = (own or type(type(view).schema))()
    schema.view, schema.path = view, ""
    schema.method = "GET" if method == "HEAD" else method
    query = {p["name"] for p in schema._get_parameters() if p["in"] == "query"}
    takes_body = method != "DELETE" and schema.get_request_serializer() is not None
    return Operation(frozenset(query), takes_body)


def _refuse_unknown(request: Request, operation: Operation) -> None:
    # `format` chooses between JSON and the browsable page.
    known = {*operation.parameters, api_settings.URL_FORMAT_OVERRIDE}
    if unknown := request.query_params.keys() - known:
        names = ", ".join(sorted(operation.parameters)) or "none"
        text = f"Unknown parameter. Known are: {names}."
        raise ValidationError(dict.fromkeys(sorted(unknown), text))
