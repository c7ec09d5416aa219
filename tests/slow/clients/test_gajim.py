"""What a user of an ordinary client sees: Gajim, in its windows."""

from pathlib import Path

import pytest

from tests.conversations.refusals import refusal
from tests.gajim import Gajim
from tests.service import PASSWORD, SERVICE, Service, component_only, until

pytestmark = [
    component_only,
    pytest.mark.skipif(not Gajim.installed(), reason="Gajim or Xvfb is missing"),
]

LIAM = f"liam@{SERVICE}"
TOP = f"Browsing {SERVICE}"


@pytest.fixture
async def gajim(service: Service, tmp_path: Path):
    """A Gajim whose user has logged in; its log must have no error in the end."""
    (local,) = service.register()
    with Gajim(tmp_path) as running:
        await running.log_in(local, PASSWORD, service.server.c2s_port)
        yield running
        log = running.log
    assert "Traceback" not in log, log
    assert "(E)" not in log, log


async def browse(gajim: Gajim) -> None:
    """Browse the service until Gajim has its channels and all about them."""
    gajim.open_discovery()
    await until(lambda: gajim.is_open("Browsing localhost"))
    gajim.enter("Browsing localhost", SERVICE)
    gajim.press("Browsing localhost", "")  # the arrow

    def complete() -> bool:
        found = gajim.is_open(TOP) and gajim.rows(TOP)
        return len(found or ()) > 1 and not any(row[-1] for row in found)

    await until(complete)


async def test_it_lists_the_channels_by_name(gajim: Gajim):
    await browse(gajim)
    listed = {row[3]: row[0] for row in gajim.rows(TOP)}

    assert listed[f"<b>Liam</b>\n{LIAM}"] == LIAM
    assert listed[f"<b>Mobile Ticketing</b>\nmobile_ticketing_group@{SERVICE}"]


@pytest.mark.parametrize(
    ("name", "buttons"),
    [
        ("XMPP Service", ["Browse", "Command", "Search"]),
        ("Mobile Ticketing", ["Browse"]),
        # Browsing it would only say that there is nothing to browse.
        ("Liam", []),
    ],
)
async def test_it_offers_what_each_entry_can_do(gajim: Gajim, name, buttons):
    await browse(gajim)
    gajim.select(TOP, f"<b>{name}</b>")

    assert gajim.buttons(TOP) == buttons


async def test_a_group_opens(gajim: Gajim):
    await browse(gajim)
    gajim.select(TOP, "<b>Mobile Ticketing</b>", activate=True)
    group = "Browsing mobile_ticketing_group"
    await until(lambda: gajim.is_open(group) and gajim.rows(group))

    assert [row[2:] for row in gajim.rows(group)] == [
        ["ATAF Firenze", f"atm_firenze@{SERVICE}"],
        ["ATM Milano", f"atm_milano@{SERVICE}"],
    ]


async def test_a_channel_is_found_by_its_name(gajim: Gajim):
    await browse(gajim)
    gajim.select(TOP, "<b>XMPP Service</b>")
    gajim.press(TOP, "Search")
    await until(lambda: "Name or status" in gajim.texts("ComponentSearch"))
    gajim.enter("ComponentSearch", "milano")
    gajim.press("ComponentSearch", "Search")
    await until(lambda: gajim.is_open("Search Result"))

    assert gajim.rows("Search Result") == [
        [f"atm_milano@{SERVICE}", "ATM Milano", "Qui i biglietti di Milano"]
    ]


async def test_a_friend_is_found_by_a_form(service: Service, gajim: Gajim):
    (friend,) = service.register()
    await browse(gajim)
    gajim.select(TOP, "<b>XMPP Service</b>")
    gajim.press(TOP, "Command")
    await until(lambda: gajim.is_open("Command List"))
    gajim.select("Command List", "cmd_search_users")
    gajim.press("Command List", "Execute")
    await until(lambda: "Find contacts" in gajim.texts("AdHocCommands"))
    gajim.enter("AdHocCommands", friend)
    await until(lambda: "Complete" in gajim.buttons("AdHocCommands"))
    gajim.press("AdHocCommands", "Complete")

    found = f"Users found and now on your roster: {friend}."
    await until(lambda: found in gajim.texts("AdHocCommands"))


async def test_a_text_to_a_channel_gets_an_error_in_words(service, gajim: Gajim):
    await shows_the_refusal(service, gajim, LIAM)


async def test_a_text_to_the_service_gets_an_error_in_words(service, gajim: Gajim):
    # Gajim offers chats with addresses without @ only if they are contacts.
    await subscribe(gajim)
    await shows_the_refusal(service, gajim, SERVICE)


async def shows_the_refusal(service: Service, gajim: Gajim, to: str) -> None:
    """Write to ``to``; the error is at the sign beside the text, below the mouse."""
    sentence = await refusal(service, to)
    gajim.open_new_chats(to)
    await until(lambda: to in gajim.new_chats())
    gajim.start_chat(to)
    await until(lambda: gajim.chat() == to)
    gajim.write("Good morning!")
    await until(lambda: sentence in gajim.tooltips())


async def subscribe(gajim: Gajim) -> None:
    gajim.subscribe(SERVICE)
    await until(lambda: gajim.is_subscribed(SERVICE))


async def test_it_takes_the_document_for_no_picture(gajim: Gajim):
    await subscribe(gajim)
    await browse(gajim)  # its answer comes after the presence

    # It queues a request of the vCard if a presence announces a picture.
    assert "Adding task: VCardAvatars" not in gajim.log
