"""What a user of an ordinary client sees: poezio, in a terminal."""

from pathlib import Path

import pytest

from tests.conversations.refusals import refusal
from tests.poezio import SEND_FORM, Poezio
from tests.service import PASSWORD, SERVICE, Service, component_only

pytestmark = [
    component_only,
    pytest.mark.skipif(not Poezio.installed(), reason="poezio is missing"),
]


@pytest.fixture
async def poezio(service: Service, tmp_path: Path):
    (local,) = service.register()
    port = service.server.c2s_port
    with Poezio(tmp_path, f"{local}@localhost", PASSWORD, port) as client:
        await client.shows("Your JID is")
        yield client


async def test_it_lists_the_channels_by_name(poezio: Poezio):
    await poezio.run(f'/disco {SERVICE} "" items')
    await poezio.shows(f"liam@{SERVICE}, name=Liam")
    await poezio.shows("node=mobile_ticketing_group, name=Mobile Ticketing")


async def test_it_lists_the_channels_of_a_group(poezio: Poezio):
    await poezio.run(f"/disco {SERVICE} mobile_ticketing_group items")
    await poezio.shows(f"atm_milano@{SERVICE}, name=ATM Milano")


async def test_it_shows_the_card_of_a_channel(poezio: Poezio):
    await poezio.run(f"/vcard atm_milano@{SERVICE}")
    await poezio.shows("ATM Milano")
    await poezio.shows("Qui i biglietti di Milano")


async def test_a_friend_is_found_by_a_form(service: Service, poezio: Poezio):
    (friend,) = service.register()
    await poezio.run(f"/ad-hoc {SERVICE}")
    await poezio.shows("cmd_search_users")
    poezio.press("\r")
    await poezio.shows("Phone numbers in international form")
    await poezio.edit()
    poezio.press(friend)
    await poezio.shows(friend)
    poezio.press("\r")
    await poezio.shows("Enter: add an entry")
    poezio.press(SEND_FORM)

    await poezio.shows("Users")
    await poezio.shows(friend)


@pytest.mark.parametrize("to", [f"liam@{SERVICE}", SERVICE])
async def test_a_text_gets_an_error_in_words(service: Service, poezio: Poezio, to):
    sentence = await refusal(service, to)
    await poezio.run(f"/message {to} Good morning!")
    await poezio.shows(sentence)


async def test_it_takes_the_document_for_no_picture(poezio: Poezio):
    await poezio.run(f"/add {SERVICE}")
    await poezio.shows(f"{SERVICE} accepted")
    # Its presence came before this answer.
    await poezio.run(f"/disco {SERVICE}")
    await poezio.shows("urn:xmppservice:document:1")

    sent = [one for one in stanzas(poezio) if "SEND" in one]
    assert any(SERVICE in one for one in sent)
    assert not [one for one in sent if "vCard" in one and SERVICE in one]


def stanzas(poezio: Poezio) -> list[str]:
    return poezio.stanzas.read_text().splitlines()
