"""Ad-hoc commands without a stream: from form to command, from answer to result."""

from xml.etree import ElementTree as ET

import pytest

from roster.commands import adhoc
from roster.commands.payloads import OK, Reply
from xmppservice.connection import events
from xmppservice.protocol.iq import Request, StanzaError, request
from xmppservice.protocol.namespaces import MAX_LIST_BYTES, NS_COMMANDS, NS_FORM

OWNER = "romeo@localhost"
COMPONENT, FIND = "jabber:component:accept", "cmd_search_users"
FORM = (
    f"<x xmlns='{NS_FORM}' type='submit'>"
    "<field var='numbers'><value>00393200555</value></field></x>"
)


def command_request(inside: str, session: str) -> Request:
    command = (
        f"<command xmlns='{NS_COMMANDS}' node='{FIND}'"
        f" sessionid='{session}'>{inside}</command>"
    )
    iq = (
        f"<iq xmlns='{COMPONENT}' from='{OWNER}/orchard' to='s.localhost' id='1'"
        f" type='set'>{command}</iq>"
    )
    return request(ET.fromstring(iq), "s.localhost")


def test_a_form_becomes_a_command_event():
    taken: list[dict[str, str]] = []

    assert (
        adhoc.answer(
            command_request(FORM, "s1"), OWNER, lambda one: not taken.append(one)
        )
        is None
    )

    assert taken == [
        {
            "sender": f"{OWNER}/orchard",
            "owner": OWNER,
            "id": "1",
            "thread": "s1",
            "message_type": "adhoc",
            "namespace": NS_COMMANDS,
            "envelope_type": FIND,
            "envelope_action": FIND,
            "command": FIND,
            "payload": '{"session":"s1","userList":["00393200555"]}',
        }
    ]
    assert {"type", *taken[0]} == events.Message.__required_keys__


@pytest.mark.parametrize(
    "fields",
    [
        "<field var='numbers'><value>1</value><value>2</value></field>",
        "<field var='numbers'><value>1\n2</value></field>",
        "<field var='numbers'><value>1&#13;\n2&#13;</value></field>",
        "<field var='numbers'><value>&#13;1&#13;2</value><value/></field>",
        "<field var='numbers'><value>1\u20282</value><value> \n </value></field>",
        "<field var='numbers'><value>1</value></field>"
        "<field var='other'><value>3</value></field>"
        "<field var='numbers'><value> 2 </value></field>",
    ],
)
def test_each_value_and_each_line_of_one_is_an_entry(fields: str):
    taken: list[dict[str, str]] = []
    form = f"<x xmlns='{NS_FORM}' type='submit'>{fields}</x>"

    adhoc.answer(command_request(form, "s"), OWNER, lambda one: not taken.append(one))

    (command,) = taken
    assert command["payload"] == '{"session":"s","userList":["1","2"]}'


@pytest.mark.parametrize("value", ["", "\n", "&#13;&#13;\n", "\u2028", " \n\t"])
def test_a_form_without_a_line_is_refused(value: str):
    field = f"<field var='numbers'><value>{value}</value></field>"
    form = f"<x xmlns='{NS_FORM}' type='submit'>{field}</x>"
    with pytest.raises(StanzaError) as refusal:
        adhoc.answer(command_request(form, "s"), OWNER, lambda one: True)
    assert (refusal.value.condition, refusal.value.type) == ("bad-request", "modify")


def test_a_full_inbox_asks_the_client_to_wait():
    with pytest.raises(StanzaError) as refusal:
        adhoc.answer(command_request(FORM, "s1"), OWNER, lambda one: False)
    assert (refusal.value.condition, refusal.value.type) == (
        "resource-constraint",
        "wait",
    )
    assert events.OVERLOADED in refusal.value.more


def result(reply: Reply) -> str:
    taken: list[dict[str, str]] = []
    adhoc.answer(command_request(FORM, "s1"), OWNER, lambda one: not taken.append(one))
    return adhoc.result(events.answer(events.message(taken[0]), reply.dumps()))


def test_an_answer_completes_the_command_in_its_session():
    command = ET.fromstring(result(Reply(OK, extra={"userList": []})))
    assert command.attrib == {"node": FIND, "sessionid": "s1", "status": "completed"}
    assert [child.tag for child in command] == [f"{{{NS_COMMANDS}}}note"]


def test_the_longest_answer_fits_into_a_stanza():
    numbers = [f"0039{number:010}" for number in range(20_000)]
    done = result(Reply(OK, extra={"userList": numbers}))
    assert len(done.encode()) < MAX_LIST_BYTES + 2_000
    ET.fromstring(done)
