"""The OpenAPI description: what the views say, and what holds for all of them."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from xmppservice import idempotency, problems
from xmppservice.api import LONGEST_PAGE

OURS = ("xmppservice", "buddies", "roster")
WRITES = {method.lower() for method in idempotency.WRITES}

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is our word for the kind of problem.",
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
                        "description": "RFC 6901, as a URI fragment.",
                    },
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
DEFAULT = {
    "description": "Whatever is wrong.",
    "content": {
        problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
    },
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "schema": {"type": "string"},
    "description": "The ETag that was read: 412 when it is another one now.",
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "schema": {"type": "string"},
    "description": "The ETag that was read: when it still holds, the answer is 304.",
}
KEY = {
    "in": "header",
    "name": idempotency.HEADER,
    "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST},
    "description": "Said again within a day, the answer is the first one.",
}


SUMMARIES = {
    "list": "List",
    "retrieve": "Read",
    "create": "Add",
    "update": "Replace",
    "partial_update": "Change",
    "destroy": "Delete",
}


class Schema(AutoSchema):
    """Operations are grouped by what they are about, and say what they do."""

    def get_summary(self) -> str:
        action = getattr(self.view, "action", "")
        method = getattr(type(self.view), action or self.method.lower(), None)
        said = (getattr(method, "__doc__", None) or "").split("\n")[0]
        ours = method is not None and method.__module__.split(".")[0] in OURS
        if ours and said:
            return said.rstrip(".")
        return SUMMARIES.get(action) or str(self.get_description()).split("\n")[0]

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix(problems.API).partition("/")[0] or "api"]


class Token(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped there
    target_class = "xmppservice.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


PAGE_SIZE = {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to each operation what no view says of itself."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, is_one="{" in path)
    return result


def _complete(operation: dict[str, Any], method: str, *, is_one: bool) -> None:
    operation["responses"]["default"] = DEFAULT
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["name"] == "pageSize":
            parameter["schema"] = PAGE_SIZE
    if method not in WRITES:
        parameters.append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "As it was read."}
        return
    parameters.append(KEY)
    if is_one:
        parameters.append(IF_MATCH)
