"""The command envelope, ids and repeats, and messages that are no commands.

After each bad input the service still answers (contract, 2 and 5).
"""

import json
from collections.abc import AsyncIterator, Iterator
from xml.sax.saxutils import escape

import pytest

from demo.client import Client
from tests.service import MODE, PASSWORD, SERVICE, Service, component_only, until

SEARCH = "cmd_search_users"
LONG = "&apos;" * 40_000  # six times as long when an answer repeats it
NOBODY = '{"userList":["00393490000001"]}'
HINTS = "{urn:xmpp:hints}"


@pytest.fixture
async def romeo(service: Service) -> AsyncIterator[Client]:
    (local,) = service.register()
    async with service.client(local) as client:
        await client.roster()
        yield client


def message(
    x: str, *, id: str = "one", type: str = "chat", to: str = SERVICE, more: str = ""
) -> str:
    return f"<message to='{to}' id='{id}' type='{type}'><body/>{x}{more}</message>"


def envelope(
    type: str = SEARCH,
    action: str = SEARCH,
    payload: str = NOBODY,
    xmlns: str = "jabber:x:oob",
) -> str:
    parts = {"type": type, "action": action, "payload": payload}
    inner = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in parts.items() if v)
    return f"<x xmlns='{xmlns}'>{inner}</x>" if xmlns else f"<x>{inner}</x>"


async def answer_to(client: Client, xml: str, id: str = "one"):
    await client.send(xml)
    return await client.message(lambda stanza: stanza.get("id") == id)


def payload_of(answer) -> dict:
    return json.loads(answer.findtext("{*}x/{*}payload"))


async def silence_after(client: Client, xml: str) -> None:
    """Assert that ``xml`` gets no reply, and the next command is answered."""
    before = len(client.stanzas)
    await client.send(xml)
    answer = await client.command(SERVICE, SEARCH, NOBODY, id="still-alive")
    assert answer["status"] == 0
    came = [one for one in client.stanzas[before:] if one.tag.endswith("message")]
    # The XMPP server, not the service, returns what an account may not receive.
    ours = [one for one in came if MODE != "account" or one.get("type") != "error"]
    assert [one.get("id") for one in ours] == ["still-alive"]


async def test_the_answer_has_exactly_the_form_of_the_contract(romeo: Client):
    answer = await answer_to(
        romeo, message(envelope(), more="<thread>a thread</thread>")
    )

    # Prosody adds the language of our stream; an account answers from its resource.
    answer.attrib.pop("{http://www.w3.org/XML/1998/namespace}lang", None)
    answer.set("from", answer.get("from").partition("/")[0])
    expected = {"from": SERVICE, "to": romeo.jid, "id": "one", "type": "chat"}
    assert answer.attrib == expected
    # By name: ejabberd puts the children of a message into an order of its own.
    body, thread, x, *hints = sorted(answer, key=lambda child: child.tag)
    assert [hint.tag for hint in hints] == [f"{HINTS}no-copy", f"{HINTS}no-store"]
    assert (body.tag, body.text) == ("{jabber:client}body", None)
    assert thread.text == "a thread"
    assert x.tag == "{jabber:x:oob}x"
    assert [child.tag.partition("}")[2] for child in x] == ["type", "action", "payload"]
    assert [child.text for child in x[:2]] == [SEARCH, SEARCH]
    assert x[2].text == '{"status":0,"errorCode":"","errorMessage":[],"userList":[]}'


@pytest.mark.parametrize("type", ["chat", "normal", "headline"])
async def test_message_types_that_carry_commands(romeo: Client, type: str):
    answer = await answer_to(romeo, message(envelope(), type=type))
    assert answer.get("type", "normal") == type


@pytest.mark.parametrize(
    ("x", "type", "action"),
    [
        (envelope(action=""), SEARCH, SEARCH),
        (envelope(type=""), SEARCH, SEARCH),
        (envelope(type="chat_text"), "chat_text", SEARCH),
    ],
    ids=["no action", "no type", "a chat type"],
)
async def test_envelopes_of_real_clients(romeo: Client, x, type, action):
    answer = await answer_to(romeo, message(x))

    assert answer.findtext("{*}x/{*}type") == type
    assert answer.findtext("{*}x/{*}action") == action
    assert payload_of(answer)["status"] == 0


@pytest.mark.parametrize(
    "xmlns", ["urn:xmppservice:command:1", "urn:our:own", "jabber:client", ""]
)
async def test_the_answer_uses_the_namespace_of_the_request(romeo: Client, xmlns):
    answer = await answer_to(romeo, message(envelope(xmlns=xmlns)))
    assert answer.find(f"{{{xmlns or 'jabber:client'}}}x") is not None


async def test_children_without_a_namespace(romeo: Client):
    x = (
        envelope()
        .replace("<type>", "<type xmlns=''>")
        .replace("<payload>", "<payload xmlns=''>")
    )
    assert payload_of(await answer_to(romeo, message(x)))["status"] == 0


async def test_payload_as_cdata(romeo: Client):
    x = envelope(payload="").replace(
        "</x>", f"<payload><![CDATA[{NOBODY}]]></payload></x>"
    )
    assert payload_of(await answer_to(romeo, message(x)))["status"] == 0


async def test_an_unknown_command(romeo: Client):
    answer = await answer_to(romeo, message(envelope("cmd_dance", "cmd_dance")))

    payload = payload_of(answer)
    assert (payload["status"], payload["errorCode"]) == (6, "UNKNOWN_COMMAND")


async def test_two_different_command_words(romeo: Client):
    answer = await answer_to(romeo, message(envelope(action="cmd_add_to_roster")))

    payload = payload_of(answer)
    assert (payload["status"], payload["errorCode"]) == (4, "BAD_REQUEST")
    assert "several commands" in payload["errorMessage"][0]["message"]


async def test_of_two_commands_in_one_message_none_is_run(romeo: Client):
    adding = '{"channelUsers":[{"name":"Liam","address":"liam"}]}'
    add = envelope("cmd_add_to_roster", "cmd_add_to_roster", adding, "urn:our:own")

    await romeo.send(message(add, more=envelope()))
    assert (await romeo.command(SERVICE, SEARCH, NOBODY))["status"] == 0

    (answer,) = [one for one in romeo.stanzas if one.get("id") == "one"]
    payload = payload_of(answer)
    assert (payload["status"], payload["errorCode"]) == (4, "BAD_REQUEST")
    assert answer.findtext("{urn:our:own}x/{*}action") == "cmd_add_to_roster"
    assert await romeo.roster() == {}


async def test_a_carriage_return_in_a_thread_is_repeated(romeo: Client):
    thread = "<thread>a&#13;b</thread>"
    answer = await answer_to(romeo, message(envelope(), more=thread))
    # Prosody sends it unescaped, which is read as a line feed.
    assert answer.findtext("{*}thread") in ("a\rb", "a\nb")


async def test_a_command_gets_a_receipt_and_so_does_its_repeat(romeo: Client):
    asked = message(envelope(), more="<request xmlns='urn:xmpp:receipts'/>")

    def receipts() -> list[str]:
        found = (one.find("{urn:xmpp:receipts}received") for one in romeo.stanzas)
        return [one.get("id") for one in found if one is not None]

    assert payload_of(await answer_to(romeo, asked))["status"] == 0
    await until(lambda: receipts() == ["one"])
    await romeo.send(asked)
    await until(lambda: receipts() == ["one", "one"])


async def test_a_missing_id(romeo: Client):
    await romeo.send(message(envelope()).replace(" id='one'", ""))
    answer = await romeo.message(lambda stanza: stanza.find("{*}x") is not None)
    assert answer.get("id") is None


@pytest.mark.parametrize(
    "xml",
    [
        message(envelope(), type="error"),
        message(envelope(), type="groupchat"),
        message(envelope(), more="<received xmlns='urn:xmpp:carbons:2'/>"),
        message(envelope(), more="<result xmlns='urn:xmpp:mam:2'/>"),
        message(envelope(xmlns="jabber:x:data")),
        message(envelope(type="chat_text", action="")),
        message("<body>Hello</body>", type="headline"),
        message(envelope(), to=f"somebody@{SERVICE}"),
        message("<x xmlns='jabber:x:oob'><url>http://example.org</url></x>"),
    ],
    ids=[
        "error",
        "groupchat",
        "carbon",
        "archived",
        "form",
        "chat",
        "body",
        "below",
        "oob",
    ],
)
async def test_messages_that_are_no_commands_are_ignored(romeo: Client, xml: str):
    await silence_after(romeo, xml)


async def test_a_text_is_answered_with_an_error_and_a_sentence(romeo: Client):
    await romeo.send(f"<message to='{SERVICE}' id='t'><body>Ciao</body></message>")
    error = await romeo.message(lambda stanza: stanza.get("id") == "t")
    assert error.find("{*}error/{*}service-unavailable") is not None
    # An account's server may answer in the place of the service, without a sentence.
    assert MODE == "account" or "commands" in error.findtext("{*}error/{*}text")


@component_only
async def test_a_text_below_the_service_is_redirected_or_refused(
    service: Service, romeo: Client
):
    channel = next(channels(json.loads(await romeo.document(SERVICE))["items"]))
    for local, condition in ((channel, "redirect"), ("nobody", "item-not-found")):
        to = f"{local}@{SERVICE}"
        await romeo.send(f"<message to='{to}' id='{local}'><body>a</body></message>")
        error = await romeo.message(lambda stanza, id=local: stanza.get("id") == id)
        found = error.find(f"{{*}}error/{{*}}{condition}")
        assert found is not None
        if condition == "redirect":
            assert found.text.startswith("xmpp:")
            assert found.text in error.findtext("{*}error/{*}text")
        assert error.get("from") == to


def channels(items: list) -> Iterator[str]:
    for item in items:
        if item["type"] == "channel":
            yield item["address"]
        yield from channels(item.get("items", []))


@component_only
async def test_a_subscription_below_the_service_is_refused(romeo: Client):
    to = f"nobody@{SERVICE}"
    await romeo.presence()
    await romeo.presence(to=to, type="subscribe")
    await until(
        lambda: any(
            one.get("type") == "unsubscribed" and one.get("from") == to
            for one in romeo.stanzas
        )
    )


async def test_a_carbon_of_a_command_is_not_acted_upon(service: Service):
    """The user's other device gets a copy; the service gets only the original."""
    (local,) = service.register()
    async with service.client(local, "one") as one, service.client(local, "two") as two:
        for client in (one, two):
            await client.presence()
            await client.iq("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
        # It has the hints that the contract asks for, so there is no copy of it.
        await one.command(SERVICE, SEARCH, NOBODY, id="hinted")
        await answer_to(one, message(envelope(), id="carbon"), id="carbon")
        copy = await two.message(
            lambda stanza: stanza.find("{urn:xmpp:carbons:2}sent") is not None
        )
        forwarded = copy.find("{*}sent/{*}forwarded/{*}message")
        assert forwarded.get("id") == "carbon"
        answers = [s for s in two.stanzas if s.get("from") == SERVICE]
        assert answers == []


async def test_an_envelope_from_another_domain(service: Service):
    service.server.register("paris", PASSWORD, "elsewhere.localhost")
    async with service.client("paris", domain="elsewhere.localhost") as paris:
        answer = await paris.command(SERVICE, SEARCH, NOBODY)
    assert (answer["status"], answer["errorCode"]) == (2, "NO_USER_FOUND")


async def test_fields_too_long_to_be_repeated_are_refused(romeo: Client):
    await romeo.send(message(envelope(), id="&amp;" * 20_000))
    error = await romeo.message(lambda stanza: stanza.get("type") == "error")
    assert error.find("{*}error/{*}not-acceptable") is not None
    assert error.get("id") == "&" * 20_000
    assert (await romeo.command(SERVICE, SEARCH, NOBODY))["status"] == 0


async def test_a_repeat_gets_the_first_answer_and_changes_nothing(romeo: Client):
    payload = {"channelUsers": [{"name": "Liam", "address": "liam"}]}
    first = await romeo.command(SERVICE, "cmd_add_to_roster", payload, id="same")
    await romeo.roster_remove("liam@localhost")
    romeo.pushes.clear()

    again = await romeo.command(SERVICE, "cmd_add_to_roster", payload, id="same")

    assert again == first
    assert await romeo.roster() == {}
    assert romeo.pushes == []


async def test_the_same_id_with_another_payload_is_another_command(romeo: Client):
    for name in ("one", "two"):
        payload = {"channelUsers": [{"name": name, "address": name}]}
        await romeo.command(SERVICE, "cmd_add_to_roster", payload, id="counter")
    assert len(await romeo.roster()) == 2


async def test_without_an_id_each_command_is_new(romeo: Client):
    xml = message(envelope()).replace(" id='one'", "")
    for _ in range(2):
        await romeo.send(xml)

    def answers():
        return [one for one in romeo.stanzas if one.find("{*}x") is not None]

    await until(lambda: len(answers()) == 2)


async def test_the_answer_goes_to_the_resource_of_the_latest_repeat(service: Service):
    (local,) = service.register()
    async with service.client(local, "old") as old:
        await old.command(SERVICE, SEARCH, NOBODY, id="moved")
    async with service.client(local, "new") as new:
        answer = await answer_to(new, message(envelope(), id="moved"), "moved")
        assert answer.get("to") == new.jid


async def test_a_malformed_iq_is_refused(romeo: Client):
    two = "<a xmlns='urn:a'/><b xmlns='urn:b'/>"
    answer = await romeo.iq("get", two, SERVICE)
    assert answer.get("type") == "error"
    assert (await romeo.command(SERVICE, SEARCH, NOBODY))["status"] == 0


@component_only
@pytest.mark.parametrize("id", ["x" * 1_001, "'" * 33_000], ids=["x", "quotes"])
async def test_a_request_with_a_long_id_is_refused_with_that_id(romeo: Client, id):
    payload = "<ping xmlns='urn:xmpp:ping'/>"
    await romeo.send(f"<iq type='get' to='{SERVICE}' id=\"{id}\">{payload}</iq>")
    await until(lambda: any(one.get("id") == id for one in romeo.stanzas))
    (answer,) = [one for one in romeo.stanzas if one.get("id") == id]
    assert answer.find("{*}error/{*}not-acceptable") is not None
    assert (await romeo.command(SERVICE, SEARCH, NOBODY))["status"] == 0


# --- Attacks that once silenced the service for everybody ---------------------------


@pytest.mark.parametrize(
    "payload",
    [
        '{"channelUsers":[{"address":"0039347\\u000b2222222"}]}',
        '{"channelUsers":[{"name":"","address":"+39347\\u001f2222222"}]}',
        '{"channelUsers":[{"address":"li\\u0000am"}]}',
        '{"channelUsers":[{"address":"u\u1d2cx"}]}',
        '{"channelUsers":[{"address":"' + 5_000 * " " + '00393472222222"}]}',
    ],
    ids=["VT", "US", "NUL", "a JID that does not settle", "a long spelling"],
)
async def test_an_address_that_no_stanza_carries(romeo: Client, payload: str):
    answer = await romeo.command(SERVICE, "cmd_add_to_roster", payload)

    assert (await romeo.command(SERVICE, SEARCH, NOBODY))["status"] == 0
    assert answer["errorCode"] == "NO_CHANNEL_FOUND"
    assert await romeo.roster() == {}


async def test_a_number_that_no_stanza_carries(romeo: Client, service: Service):
    (local,) = service.register()
    spelled = local[:6] + "\u000b" + local[6:]

    answer = await romeo.command(SERVICE, SEARCH, {"userList": [spelled, local]})

    assert answer["userList"] == [local]
    assert (await romeo.command(SERVICE, SEARCH, NOBODY))["status"] == 0


@pytest.mark.parametrize(
    "xml",
    [
        f"<iq type='get' to='{SERVICE}' id=\"{LONG}\"><foo xmlns='x'/></iq>",
        f"<iq type='get' to='{SERVICE}' id=\"{LONG}\"><vCard xmlns='vcard-temp'/></iq>",
        f"<message to='{SERVICE}' type='chat'><x xmlns='a}}b'/></message>",
        f"<iq to='{SERVICE}' type='get' id='i'><x xmlns='{{y'/></iq>",
        f"<presence to='{SERVICE}'><x xmlns='}}'/></presence>",
        f"<iq type='result' to='{SERVICE}' id='r'><vCard xmlns='vcard-temp'/></iq>",
        f"<iq type='error' to='{SERVICE}' id='e'><vCard xmlns='vcard-temp'/></iq>",
        f"<message to='{SERVICE}' type='chat'><body>Ciao</body><xml:x/></message>",
        f"<message to='{SERVICE}' type='chat' id='x'>"
        f"<xml:x><xml:type>{SEARCH}</xml:type></xml:x></message>",
        f"<iq to='{SERVICE}' type='get' id='x'><xml:x/></iq>",
        f"<presence to='{SERVICE}'><xml:x/></presence>",
    ],
    ids=[
        "iq id",
        "vCard id",
        "brace",
        "other brace",
        "presence",
        "result",
        "error",
        "text with xml:x",
        "command in xml:x",
        "iq with xml:x",
        "presence with xml:x",
    ],
)
async def test_stanzas_that_ended_the_stream(service: Service, xml: str):
    attacker, victim = service.register(2)
    async with service.client(attacker) as one, service.client(victim) as two:
        opened = service.log.read_text().count("the stream of")
        await one.send(xml)
        for _ in range(3):
            assert (await two.command(SERVICE, SEARCH, NOBODY))["status"] == 0
            assert await two.document(SERVICE)
        assert service.log.read_text().count("the stream of") == opened


@component_only
@pytest.mark.parametrize(
    "payload", ["<foo xmlns='urn:xmpp:ping'/>", "<foo xmlns='vcard-temp'/>"]
)
async def test_another_element_of_a_known_namespace(romeo: Client, payload: str):
    answer = await romeo.iq("get", payload, SERVICE)
    assert answer.find("{*}error/{*}service-unavailable") is not None
