"""Ad-hoc commands (XEP-0050): both commands of the contract as forms.

A completed form becomes the same event as a command sent by message, with the owner
and the id of its IQ. When the answer leaves the queue, it is written as the IQ's
result. No state is kept between the two, or between the steps.
"""

import secrets
from collections.abc import Iterator

from roster.commands.forms import FORMS, AdHocForm, describe, payload
from xmppservice.connection import browsing
from xmppservice.connection.events import ADHOC, OVERLOADED, Answer
from xmppservice.connection.responder import Take
from xmppservice.protocol import adhoc, data_forms, disco, iq
from xmppservice.protocol.adhoc import COMPLETE, CommandRequest
from xmppservice.protocol.data_forms import Field
from xmppservice.protocol.disco import Item
from xmppservice.protocol.iq import Request, StanzaError
from xmppservice.protocol.namespaces import MAX_FIELD, NS_COMMANDS, NS_FORM

COMMAND = f"{{{NS_COMMANDS}}}command"
FEATURES = (NS_COMMANDS, NS_FORM)
EXECUTE_ACTIONS = ("", "execute", "next", "complete")


def is_command_request(request: Request) -> bool:
    """Whether a request is about commands, rather than about channels."""
    is_disco = request.tag in (browsing.INFO, browsing.ITEMS)
    return request.tag == COMMAND or (
        is_disco and request.node in (NS_COMMANDS, *FORMS)
    )


def answer(request: Request, owner: str | None, take: Take) -> str | None:
    """Payload of the result; None if the answer will come from the queue.

    ``owner`` is None if the sender may not run commands. ``take`` receives a command,
    like ``ServiceStream.on_message``. Raises StanzaError.
    """
    match request.type, request.tag:
        case "get", str(tag) if tag == browsing.INFO:
            return _info(request.node)
        case "get", str(tag) if tag == browsing.ITEMS:
            return disco.items(request.node, _items(request, owner))
        case "set", str(tag) if tag == COMMAND:
            return _run(request, owner, take)
        case _:
            raise StanzaError("service-unavailable")


def result(answer: Answer) -> str:
    """Payload of the IQ that ends a command."""
    command = answer["envelope_action"]
    response = describe(command, answer["payload"])
    results = Field("found", "text-multi", "Users", tuple(response.users))
    form = data_forms.form("result", results) if response.users else ""
    notes = "".join(adhoc.note(type, text) for type, text in response.notes)
    return adhoc.step(command, answer["thread"], "completed", form + notes)


# --- Service discovery ----------------------------------------------------------


def _info(node: str) -> str:
    if node == NS_COMMANDS:
        kind, name = "command-list", "Commands"
    else:
        kind, name = "command-node", FORMS[node].name
    return disco.info(node, "automation", kind, name, FEATURES, "")


def _items(request: Request, owner: str | None) -> Iterator[Item]:
    if request.node == NS_COMMANDS and owner:
        for command, form in FORMS.items():
            yield Item(request.at, form.name, command)


# --- Steps ----------------------------------------------------------------------


def _run(request: Request, owner: str | None, take: Take) -> str | None:
    if request.node not in FORMS:
        raise StanzaError("item-not-found")
    if owner is None:
        raise StanzaError("forbidden", "auth")
    step = adhoc.request_of(request.child)
    if len(step.session) > MAX_FIELD:
        raise _bad("bad-sessionid")
    if step.action == "cancel":
        return adhoc.step(request.node, step.session, "canceled")
    if step.action not in EXECUTE_ACTIONS:
        raise _bad("bad-action")
    if step.fields is None:
        return _first_step(request.node, step.session or secrets.token_hex(8))
    if not take(_message(request, owner, step)):
        raise StanzaError("resource-constraint", "wait", iq.text(OVERLOADED))
    return None


def _first_step(command: str, session: str) -> str:
    return adhoc.step(command, session, "executing", _blank_form(FORMS[command]))


def _blank_form(form: AdHocForm) -> str:
    lines = Field(form.field, "text-multi", form.label, required=True)
    blank = data_forms.form(
        "form", lines, title=form.name, instructions=form.instructions
    )
    return COMPLETE + blank


def _message(request: Request, owner: str, step: CommandRequest) -> dict[str, str]:
    values = (step.fields or {}).get(FORMS[request.node].field, [])
    # Clients differ: a value a line (XEP-0004), or one value with all lines.
    lines = [line for value in values for line in value.splitlines()]
    if not any(line.strip() for line in lines):
        raise _bad("bad-payload")
    return {
        "sender": request.sender,
        "owner": owner,
        "id": request.id,
        "thread": step.session,
        "message_type": ADHOC,
        "namespace": NS_COMMANDS,
        "envelope_type": request.node,
        "envelope_action": request.node,
        "command": request.node,
        "payload": payload(request.node, lines, step.session),
    }


def _bad(condition: str) -> StanzaError:
    return StanzaError("bad-request", "modify", f"<{condition} xmlns='{NS_COMMANDS}'/>")
