"""The OpenAPI description: what the views declare, and what all of them share."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from xmppservice.api import idempotency, problems
from xmppservice.api.lists import MAX_PAGE_SIZE
from xmppservice.api.views import WRITES

OURS = ("xmppservice", "buddies", "roster")

PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457). `code` identifies the kind of problem.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON Pointer (RFC 6901) as a URI fragment.",
                    },
                    "detail": {"type": "string"},
                },
            },
        },
        "conflicts": {
            "type": "array",
            "description": "What has to be decided first, as `/conflicts/` lists it.",
            "items": {"type": "object"},
        },
    },
}
DEFAULT = {
    "description": "Error. The body says what is wrong.",
    "content": {
        problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
    },
}
IF_MATCH = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    description="The ETag you read. If it has changed, the response is 412.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    location=OpenApiParameter.HEADER,
    description="The ETag you read. If it has not changed, the response is 304.",
)
KEY = OpenApiParameter(
    idempotency.HEADER,
    {"type": "string", "minLength": 1, "maxLength": idempotency.MAX_KEY_LENGTH},
    location=OpenApiParameter.HEADER,
    description="A key you choose. Repeating the request with the same key within a "
    "day returns the first response.",
)


SUMMARIES = {
    "list": "List",
    "retrieve": "Read",
    "create": "Add",
    "update": "Change; fields left out keep their values",
    "partial_update": "Change",
    "destroy": "Delete",
}


class Schema(AutoSchema):
    """Give each operation a tag, a summary and the headers that it accepts."""

    def get_summary(self) -> str:
        action = getattr(self.view, "action", "")
        method = getattr(type(self.view), action or self.method.lower(), None)
        response = (getattr(method, "__doc__", None) or "").split("\n")[0]
        ours = method is not None and method.__module__.split(".")[0] in OURS
        if ours and response:
            return response.rstrip(".")
        return SUMMARIES.get(action) or str(self.get_description()).split("\n")[0]

    def get_override_parameters(self) -> list[Any]:
        if self.method not in WRITES:
            return [IF_NONE_MATCH]
        action = getattr(self.view, "action", "") or self.method.lower()
        results = [KEY] if isinstance(self.view, idempotency.Idempotent) else []
        if action in getattr(self.view, "conditional", ()):
            results.append(IF_MATCH)
        return results

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix(problems.API).partition("/")[0] or "api"]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular has no types for it
    target_class = "xmppservice.api.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


PAGE_SIZE = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add what all operations share, and what is true of all objects."""
    for name, component in result["components"]["schemas"].items():
        if component.get("type") == "object":
            _complete_object(component, is_request=name.endswith("Request"))
    result["components"]["schemas"]["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for method, operation in operations.items():
            _complete(operation, method)
    return result


def _complete_object(component: dict[str, Any], is_request: bool) -> None:
    """Say that requests have no other fields, and that responses have all."""
    if is_request:
        component["additionalProperties"] = False
    else:
        component["required"] = sorted(component["properties"])


def _complete(operation: dict[str, Any], method: str) -> None:
    operation["responses"]["default"] = DEFAULT
    if method == "get":
        operation["responses"]["304"] = {"description": "Not modified."}
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "pageSize":
            parameter["schema"] = PAGE_SIZE
