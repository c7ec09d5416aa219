"""What a user of an ordinary client sees: profanity, in a terminal."""

import pytest

from tests.conversations.refusals import refusal
from tests.profanity import Profanity
from tests.service import PASSWORD, SERVICE, Service, component_only, until

pytestmark = [
    component_only,
    pytest.mark.skipif(not Profanity.installed(), reason="profanity is missing"),
]


REFUSAL = "Server does not support ad hoc commands"


@pytest.fixture
async def profanity(service: Service, tmp_path):
    (local,) = service.register()
    at = f"server 127.0.0.1 port {service.server.c2s_port} tls disable"
    with Profanity(tmp_path) as client:
        await client.shows("Type '/help'")
        client.type(f"/connect {local}@localhost {at}")
        await client.shows("Enter password:")
        client.type(PASSWORD)
        await client.shows("logged in successfully")
        yield client


async def test_it_lists_the_channels_by_name(profanity: Profanity):
    profanity.type(f"/disco items {SERVICE}")
    await profanity.shows(f"Service discovery items for {SERVICE}:")
    await profanity.shows(f"{SERVICE}, (Mobile Ticketing)")
    await profanity.shows(f"liam@{SERVICE}, (Liam)")


async def test_it_shows_the_features_of_the_service(profanity: Profanity):
    profanity.type(f"/disco info {SERVICE}")
    await profanity.shows("XMPP Service generic component")
    await profanity.shows("jabber:iq:search")


async def test_a_friend_is_found_by_a_form(service: Service, profanity: Profanity):
    (friend,) = service.register()
    await commands_are_listed(profanity)
    profanity.type(f"/cmd exec cmd_search_users {SERVICE}")
    await profanity.shows("[field1] Phone numbers in international form")
    profanity.type(f"/field1 add {friend}")
    await profanity.shows(f"[val1] {friend}")
    profanity.type("/form submit")
    await profanity.shows("[field1] Users:")
    await profanity.shows(f"[val1] {friend}")


@pytest.mark.parametrize("to", [f"liam@{SERVICE}", SERVICE])
async def test_a_text_gets_an_error_in_words(service: Service, profanity, to: str):
    sentence = await refusal(service, to)
    profanity.type(f"/msg {to} Good morning!")
    await profanity.shows(f"Error from {to}: {sentence}")


async def commands_are_listed(profanity: Profanity) -> None:
    """Ask until profanity knows the features of its server's components."""

    async def listed() -> bool:
        asked = profanity.text.count(REFUSAL)
        profanity.type(f"/cmd list {SERVICE}")
        await until(lambda: shown() or profanity.text.count(REFUSAL) > asked)
        return shown()

    def shown() -> bool:
        return "cmd_search_users" in profanity.text

    await until(listed)
