"""Both commands as ad-hoc commands."""

from xml.etree.ElementTree import Element, tostring

import pytest

from demo.client import Client
from tests.conversations.browsing import (
    COMMANDS,
    FORM,
    INFO,
    SUBMIT,
    TARGET,
    condition,
    features,
    found,
    listed,
    name,
    query,
    result,
)
from tests.service import PASSWORD, SERVICE, Service, component_only, until

FIND, ADD = "cmd_search_users", "cmd_add_to_roster"
PAYLOAD = "bad-payload"


def command(node: str, inside: str = "", session: str = "", action: str = "") -> str:
    known = f" sessionid='{session}'" if session else ""
    wanted = f" action='{action}'" if action else ""
    return (
        f"<command xmlns='{COMMANDS}' node='{node}'{known}{wanted}>{inside}</command>"
    )


def lines(field: str, *values: str) -> str:
    inside = "".join(f"<value>{value}</value>" for value in values)
    return f"{SUBMIT}<field var='{field}'>{inside}</field></x>"


async def session(client: Client, node: str) -> str:
    """Begin a command, and return its session."""
    begun = await result(client, command(node, action="execute"), "set")
    assert begun.get("status") == "executing"
    return begun.get("sessionid", "")


async def run(client: Client, node: str, form: str) -> Element:
    done = await result(client, command(node, form, await session(client, node)), "set")
    assert (done.get("node"), done.get("status")) == (node, "completed")
    return done


def notes(done: Element) -> list[tuple[str | None, str | None]]:
    return [(note.get("type"), note.text) for note in done.iterfind("{*}note")]


async def test_the_commands_are_listed(client: Client):
    assert await listed(client, COMMANDS) == [
        ("Find contacts", TARGET, FIND),
        ("Add to roster", TARGET, ADD),
    ]
    info = await result(client, query(INFO, FIND))
    assert info.find("{*}identity").attrib == {
        "category": "automation",
        "type": "command-node",
        "name": "Find contacts",
    }
    assert features(info) == {COMMANDS, "jabber:x:data"}


@pytest.mark.parametrize(("node", "field"), [(FIND, "numbers"), (ADD, "contacts")])
async def test_a_command_asks_for_lines(client: Client, node: str, field: str):
    begun = await result(client, command(node), "set")
    assert [name(one) for one in begun.find("{*}actions")] == ["complete"]
    form = begun.find(f"{FORM}x")
    (asked,) = form.iterfind(f"{FORM}field")
    assert (form.get("type"), asked.get("type")) == ("form", "text-multi")
    assert asked.get("var") == field


async def test_contacts_are_found_and_put_on_the_roster(service, client):
    (friend,) = service.register()
    await client.roster()
    asked = lines("numbers", friend, "", "0039 000", "nobody")

    done = await run(client, FIND, asked)

    assert notes(done) == [("info", f"Users found and now on your roster: {friend}.")]
    assert found(done) == [friend]
    assert (await client.roster())[f"{friend}@localhost"].groups == {"verified"}


async def test_a_search_without_hits_says_so(client: Client):
    done = await run(client, FIND, lines("numbers", "003932009999"))
    assert notes(done) == [("info", "None of these numbers belongs to a user.")]
    assert found(done) == []


async def test_contacts_are_added_with_their_names(service: Service, client: Client):
    (friend,) = service.register()
    spelled = f"+39 {friend[4:7]} {friend[7:]}"
    asked = lines("contacts", f"{spelled} Mario Rossi", "00393200555 2nd", "&lt;x ?")

    done = await run(client, ADD, asked)

    assert notes(done) == [
        ("info", "The contacts are on your roster."),
        ("warn", "Contact 3: neither a number nor a JID"),
    ]
    roster = await client.roster()
    assert roster[f"{friend}@localhost"][:2] == ("Mario Rossi", {"verified"})
    assert roster["00393200555@localhost"][:2] == ("2nd", {"others"})


async def test_lines_of_one_value_are_several_contacts(client: Client):
    await client.roster()
    done = await run(client, ADD, lines("contacts", "one A\ntwo B", "three C&#13;"))
    assert notes(done) == [("info", "The contacts are on your roster.")]
    names = {jid: item.name for jid, item in (await client.roster()).items()}
    assert names == {f"{local}@localhost": name for local, name in ENTRIES}


ENTRIES = [("one", "A"), ("two", "B"), ("three", "C")]


async def test_a_spent_budget_is_explained_in_words(new_service):
    service = new_service(DISCOVERY_BURST="1", DISCOVERY_PER_YEAR="365")
    (local, friend) = service.register(2)
    async with service.client(local) as client:
        await run(client, FIND, lines("numbers", friend))
        done = await run(client, FIND, lines("numbers", friend, "00393200999999"))
    ((kind, text),) = notes(done)
    assert kind == "error"
    assert text.startswith("Too many new numbers: try again in 24 hours.")
    assert text.endswith(f"that you looked up before: {friend}.")


async def test_it_is_stored_like_any_other_command(service, client):
    await run(client, FIND, lines("numbers", "00393200999999"))
    owner = client.jid.partition("/")[0]
    said = service.shell(
        "from roster.models import Command\n"
        f"(row,) = Command.objects.filter(owner={owner!r})\n"
        "print(row.command, row.message_type, bool(row.answer))"
    )
    assert said == f"{FIND} adhoc True"


async def test_a_repeated_iq_gets_the_same_answer_again(service, client):
    asked = command(
        FIND, lines("numbers", "00393200999999"), await session(client, FIND)
    )
    for _ in range(2):
        await client.send(f"<iq type='set' id='again' to='{TARGET}'>{asked}</iq>")

    def answers() -> list[bytes]:
        return [tostring(one) for one in _results(client, "again")]

    await until(answers)
    await client.send(f"<iq type='set' id='again' to='{TARGET}'>{asked}</iq>")
    await until(lambda: len(answers()) > 1)
    assert len(set(answers())) == 1
    assert await until(lambda: service.states().get("sent"))
    rows = "Command.objects.filter(stanza_id='again', owner={!r}).count()"
    owner = client.jid.partition("/")[0]
    code = "from roster.models import Command; print({})"
    assert service.shell(code.format(rows.format(owner))) == "1"


async def test_the_same_id_in_another_session_is_another_command(service, client):
    (late,) = service.unknown()
    said = []
    for _ in range(2):
        asked = command(FIND, lines("numbers", late), await session(client, FIND))
        await client.send(f"<iq type='set' id='1' to='{TARGET}'>{asked}</iq>")
        await until(lambda: len(_results(client, "1")) > len(said))
        said.append(_results(client, "1")[-1][0].get("sessionid"))
    assert len(set(said)) == 2


def _results(client: Client, id: str) -> list[Element]:
    return [one for one in client.stanzas if one.get("id") == id]


async def test_a_command_is_cancelled(client: Client):
    begun = await session(client, FIND)
    for asked in (
        command(FIND, session=begun, action="cancel"),
        command(FIND, "<x xmlns='jabber:x:data' type='cancel'/>", begun),
    ):
        assert (await result(client, asked, "set")).get("status") == "canceled"


LONG = "s" * 1001


@pytest.mark.parametrize(
    ("asked", "wanted", "why"),
    [
        (command("cmd_dance"), "item-not-found", None),
        (command(FIND, action="prev"), "bad-request", "bad-action"),
        (
            command(FIND, "<x xmlns='jabber:x:data' type='submit'/>"),
            "bad-request",
            PAYLOAD,
        ),
        (command(FIND, lines("contacts", "00393200555")), "bad-request", PAYLOAD),
        (command(ADD, lines("contacts", " ", "")), "bad-request", PAYLOAD),
        (command(FIND, session=LONG), "bad-request", "bad-sessionid"),
    ],
)
async def test_invalid_steps_of_a_command_are_refused(client, asked, wanted, why):
    answer = await client.iq("set", asked, TARGET)
    assert answer.get("type") == "error"
    assert [name(one) for one in answer.find("{*}error")] == [
        wanted,
        *filter(None, [why]),
    ]


@component_only
async def test_a_resource_of_the_service_has_no_commands(client: Client):
    there = f"{SERVICE}/there"
    asked = command(FIND, lines("numbers", "00393200555"))
    assert await condition(client, "set", asked, there) == "service-unavailable"


async def test_users_of_unserved_domains_have_no_commands(
    service: Service, client: Client
):
    service.server.register("tybalt", PASSWORD, "elsewhere.localhost")
    async with service.client("tybalt", domain="elsewhere.localhost") as tybalt:
        assert await listed(tybalt, COMMANDS) == []
        assert await condition(tybalt, "set", command(FIND)) == "forbidden"
