"""Who may ask mod_xmppservice of Prosody, and what it says about accounts."""

import asyncio
import re

import pytest

from demo.component import RawComponent
from tests import prosody_files
from tests.deploy import bulk
from tests.deploy.bulk import contact, item, items, user
from tests.deploy.servers import (
    LIMITED,
    OTHER,
    UNSET,
    OpenProsody,
    held,
    leave,
    release,
)
from tests.service import PASSWORD, SECRET, until

VERBS = {"exist", "read", "write", "list", "events"}
INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
FEATURE = "{http://jabber.org/protocol/disco#info}feature"
ROSTER = "{jabber:iq:roster}"
REQUESTS = {"exist": "get", "read": "get", "write": "set", "list": "get"}


# --- Who may ask, and how much ----------------------------------------------------


async def test_nobody_but_the_component_is_answered(prosody: OpenProsody):
    local = prosody.new_account()
    async with (
        RawComponent(OTHER, SECRET, prosody.component_port) as other,
        prosody.online(local) as client,
    ):
        for verb, kind in REQUESTS.items():
            asked = bulk.request(verb, user(local, items(1)))
            answers = [
                await other.iq(kind, asked),
                await client.iq(kind, asked, "localhost"),
            ]
            assert [bulk.error(one) for one in answers] == ["auth forbidden"] * 2
        assert await client.roster() == {}


@pytest.mark.parametrize("verb", REQUESTS)
async def test_each_verb_has_one_type_of_request(component: RawComponent, verb: str):
    other = {"get": "set", "set": "get"}[REQUESTS[verb]]

    answer = await component.iq(other, bulk.request(verb))

    assert bulk.error(answer) == "cancel service-unavailable"


@pytest.mark.parametrize(
    ("host", "verbs"), [("localhost", VERBS), (LIMITED, {"exist"}), (UNSET, None)]
)
async def test_the_host_names_what_the_component_may_do(
    component: RawComponent, host: str, verbs: set[str] | None
):
    info = await component.iq("get", INFO, host)

    features = {one.get("var", "") for one in info.iter(FEATURE)}
    expected = (
        set() if verbs is None else {bulk.NS, *(f"{bulk.NS}#{one}" for one in verbs)}
    )
    assert {one for one in features if one.startswith(bulk.NS)} == expected


@pytest.mark.parametrize("verb", REQUESTS)
async def test_a_verb_that_is_not_permitted_is_forbidden(
    component: RawComponent, verb: str
):
    answer = await component.iq(REQUESTS[verb], bulk.request(verb), LIMITED)

    assert bulk.error(answer) == ("" if verb == "exist" else "auth forbidden")


def test_the_log_says_what_the_configuration_lacks(prosody: OpenProsody):
    log = "\n".join(prosody.our_log())

    assert "Set xmppservice_component to the component's domain" in log
    assert "xmppservice_permissions has an unknown word: exit" in log


@pytest.mark.parametrize(
    "asked",
    [user("nobody") * 1001, user("nobody", items(1001))],
    ids=["users", "items"],
)
async def test_a_request_has_a_thousand_users_and_items(
    component: RawComponent, asked: str
):
    answer = await component.iq("set", bulk.request("write", asked))

    assert bulk.error(answer) == "modify policy-violation"


async def test_too_many_waiting_requests_are_refused(component: RawComponent):
    first, *more = (bulk.request("exist", user(one)) for one in ["held", *"a" * 150])
    held_up = asyncio.create_task(component.iq("get", first))
    await held(component)

    requests = [component.iq("get", one) for one in more]
    *answers, _ = await asyncio.gather(*requests, release(component))

    assert [bulk.error(one) for one in [await held_up, *answers]] == [
        *[""] * 101,
        *["wait resource-constraint"] * 50,
    ]


# --- list -------------------------------------------------------------------------


async def page(component: RawComponent, max: int, cursor: str = "") -> tuple[str, list]:
    """Return the next cursor and the names of a page."""
    attributes = f"max='{max}'" + (f" cursor='{cursor}'" if cursor else "")
    answer = await component.iq("get", bulk.request("list", attributes=attributes))
    return answer[0].get("cursor", ""), [one.name for one in bulk.answers(answer)]


async def test_all_accounts_are_listed_page_by_page(
    prosody: OpenProsody, component: RawComponent
):
    accounts = {prosody.new_account() for _ in range(5)}
    first = [await page(component, 2) for _ in range(2)]

    # Two listings at once.
    for cursor, names in first:
        listed, sizes = list(names), {len(names)}
        while cursor:
            cursor, names = await page(component, 2, cursor)
            listed += names
            sizes |= {len(names)}

        assert len(listed) == len(set(listed))
        assert accounts <= set(listed)
        assert sizes <= {0, 1, 2}
        assert await bulk.exist(component, listed) == listed


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ("cursor='gone'", "cancel item-not-found"),
        ("max='many'", "modify bad-request"),
        ("max='0'", "modify bad-request"),
    ],
)
async def test_a_page_that_does_not_exist_is_refused(
    component: RawComponent, attributes: str, error: str
):
    answer = await component.iq("get", bulk.request("list", attributes=attributes))

    assert bulk.error(answer) == error


# --- The log ----------------------------------------------------------------------


async def test_each_request_has_a_line_in_the_log_without_a_number(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    before = len(list(prosody.our_log()))

    await bulk.exist(component, [local, "nobody"])
    await bulk.write(component, user(local, items(3) + item("")), user("nobody"))
    await bulk.read(component, local, "nobody")
    await page(component, 1)
    await component.iq("get", bulk.request("read"), LIMITED)

    lines = [re.split(r"\s+info\s+", line)[-1] for line in prosody.our_log()][before:]
    assert [re.sub(r"\d+ ms", "n ms", line) for line in lines] == [
        "exist of 2 users, 0 items: 1 exist; n ms",
        "write of 2 users, 4 items: "
        "1 items refused, 1 missing, 1 users written, 3 items written; n ms",
        "read of 2 users, 0 items: 1 missing, 1 users read, 3 items read; n ms",
        "list of 0 users, 0 items: 1 listed; n ms",
        "read of 0 users, 0 items: forbidden; n ms",
    ]
    log = "\n".join(prosody.our_log())
    assert not re.search(r"003\d+|@localhost|A name", log)


# --- Accounts that come and go ----------------------------------------------------


async def privileged_roster(component: RawComponent, local: str) -> set[str]:
    """Return the JIDs of a roster as mod_privilege reads it, from the cache if any."""
    query = "<query xmlns='jabber:iq:roster'/>"
    answer = await component.iq("get", query, f"{local}@localhost")
    return {one.get("jid", "") for one in answer.iter(ROSTER + "item")}


@pytest.mark.parametrize("by", ["the module", "mod_privilege"])
async def test_a_recycled_number_begins_with_an_empty_roster(
    prosody: OpenProsody, component: RawComponent, by: str
):
    local = prosody.new_account()

    async def touch() -> None:
        if by == "mod_privilege":
            await privileged_roster(component, local)
        else:
            await bulk.exist(component, [local])
            await bulk.read(component, local)
            await bulk.write_one(component, local, items(1))

    await touch()
    async with prosody.online(local) as last:
        await last.roster_set("friend@localhost", "A friend", ["Secret"])
        await touch()
        await leave(last)
    await until(lambda: ("deleted", local) in bulk.events(component))
    await prosody.register_in_band(local)
    await until(lambda: ("registered", local) in bulk.events(component))
    await touch()

    async with prosody.online(local) as new:
        assert "friend@localhost" not in await new.roster()


async def test_an_account_deleted_while_offline_leaves_no_roster(
    prosody: OpenProsody, component: RawComponent
):
    """Prosody itself loads the roster once more when it deletes the account."""
    local = prosody.new_account()
    await bulk.write_one(component, local, items(1))

    await component.iq("set", f"<delete xmlns='urn:test' name='{local}'/>")

    await until(lambda: ("deleted", local) in bulk.events(component))
    assert await privileged_roster(component, local) == set()


async def test_an_account_deleted_by_prosodyctl_leaves_no_roster(
    prosody: OpenProsody, component: RawComponent
):
    """Another process deletes it, and Prosody has cached its roster."""
    local = prosody.new_account()
    await bulk.write_one(component, local, items(1))
    assert await privileged_roster(component, local) == {contact(0)}

    prosody.unregister(local)
    prosody.register(local, PASSWORD)

    async with prosody.online(local) as new:
        assert await new.roster() == {}


async def test_no_roster_of_a_user_who_is_offline_stays_cached(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    await bulk.write_one(component, local, items(1))
    await bulk.read(component, local)
    await bulk.exist(component, [local])

    prosody_files.rosters(prosody.folder, [local], "new@localhost", "New", "verified")

    assert await privileged_roster(component, local) == {"new@localhost"}


async def test_events_come_where_they_are_permitted(
    prosody: OpenProsody, component: RawComponent
):
    await prosody.register_in_band("mercutio", LIMITED)
    await prosody.register_in_band("mercutio")

    await until(lambda: bulk.events(component))

    assert bulk.events(component) == [("registered", "mercutio")]
