"""Rosters that mod_xmppservice of Prosody reads and writes."""

import asyncio

from demo.client import Client
from demo.component import RawComponent
from tests.deploy import bulk
from tests.deploy.bulk import Answer, contact, item, items, user
from tests.deploy.servers import BIND, OpenProsody, held, pushed, release
from tests.service import PASSWORD, until

ROSTER = "{jabber:iq:roster}"
ROSTER_QUERY = "<query xmlns='jabber:iq:roster' ver='{}'/>"


async def roster(client: Client, ver: str = "") -> tuple[str, set[str]]:
    """Return version and JIDs of a roster; no JIDs if ``ver`` is the current one."""
    answer = await client.iq("get", ROSTER_QUERY.format(ver))
    found = {one.get("jid", "") for one in answer.iter(ROSTER + "item")}
    return answer[0].get("ver", "") if len(answer) else ver, found


# --- exist, read, write -----------------------------------------------------------


async def test_those_with_an_account_exist(
    prosody: OpenProsody, component: RawComponent
):
    one, two = prosody.new_account(), prosody.new_account()

    found = await bulk.exist(component, [one, "nobody", two, "", "no@localpart"])

    assert found == [one, two]


async def test_names_come_back_as_they_were_sent(
    prosody: OpenProsody, component: RawComponent
):
    prosody.register("juliet", PASSWORD)

    assert await bulk.exist(component, ["JULIET"]) == ["JULIET"]
    assert (await bulk.read(component, "JULIET"))[0].name == "JULIET"
    assert (await bulk.write_one(component, "JULIET", "")).name == "JULIET"


async def test_a_user_who_is_offline_sees_at_login_what_was_written(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()

    written = await bulk.write_one(component, local, items(50))

    (read,) = await bulk.read(component, local)
    expected = tuple((contact(number), "A name") for number in range(50))
    assert written == Answer("user", local, "51", "50")
    assert read == Answer("user", local, "51", "", expected)
    async with prosody.online(local) as client:
        contacts = await client.roster()
        assert contacts.keys() == dict(expected).keys()
        assert contacts[contact(0)] == ("A name", {"verified"}, "none")


async def test_a_user_without_an_account_is_missing(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    names = "nobody", "", local

    read = await bulk.read(component, *names)
    written = await bulk.write(component, *(user(name, items(1)) for name in names))

    assert [one.outcome for one in read] == ["missing", "missing", "user"]
    assert [one.outcome for one in written] == ["missing", "missing", "user"]


async def test_items_are_refused_as_a_user_s_are(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    own = f"{local}@localhost"
    bad = ["a b@@x", "z@localhost/phone", "", "pending"]
    wrong = [
        item(own),
        *map(item, bad),
        item("x@localhost", more="subscription='remove'"),
    ]

    answer = await bulk.write_one(component, local, "".join(wrong) + items(2))

    refused = {
        own: "not-allowed",
        **dict.fromkeys([*bad, "x@localhost"], "bad-request"),
    }
    assert (answer.outcome, answer.written) == ("user", "2")
    assert dict(answer.items) == refused
    assert len((await bulk.read(component, local))[0].items) == 2


async def test_of_a_contact_written_twice_the_last_counts(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    async with prosody.online(local) as client:
        both = item("a@localhost", "First") + item("A@LOCALHOST", "Last", "verified")

        answer = await bulk.write_one(component, local, both)

        assert answer == Answer("user", local, "2", "1")
        assert await client.roster() == {"a@localhost": ("Last", {"verified"}, "none")}
        await until(lambda: client.pushes)
        assert pushed(client) == [("2", "a@localhost")]


async def test_a_write_changes_name_and_groups_only(
    prosody: OpenProsody, component: RawComponent
):
    """What it says of subscription is left; a pre-approval is, too (RFC 6121, 3.4)."""
    local, friend = prosody.new_account(), f"{prosody.new_account()}@localhost"
    async with prosody.online(local) as client:
        await client.presence(friend, "subscribe")
        await client.presence(friend, "subscribed")
        await client.roster_set("kept@localhost", "Kept", ["Family"])
        more = "subscription='both' ask=''"

        await bulk.write_one(
            component, local, item(friend, "Friend", "Family", "verified", more=more)
        )

        await until(lambda: pushed(client)[-1][1] == friend)
        push = client.pushes[-1][0][0]
        assert push.attrib == {
            "jid": friend,
            "name": "Friend",
            "subscription": "none",
            "ask": "subscribe",
        }
        assert {group.text for group in push} == {"Family", "verified"}
        assert (await client.roster())["kept@localhost"] == (
            "Kept",
            {"Family"},
            "none",
        )
    stored = (prosody.folder / f"data/localhost/roster/{local}.dat").read_text()
    assert stored.count('["approved"] = "true"') == 1


async def test_large_rosters_are_read_in_several_answers(
    prosody: OpenProsody, component: RawComponent
):
    owners = [prosody.new_account() for _ in range(4)]
    for local in owners[:3]:
        await bulk.write_one(component, local, items(1000))

    first = await bulk.read(component, *owners)
    later = await bulk.read(component, *owners[2:])

    assert [one.outcome for one in first] == ["user", "user", "later", "later"]
    assert [len(one.items) for one in first] == [1000, 1000, 0, 0]
    assert [one.outcome for one in later] == ["user", "user"]


async def test_long_names_are_read_in_several_answers(
    prosody: OpenProsody, component: RawComponent
):
    owners = [prosody.new_account() for _ in range(3)]
    for local in owners:
        await bulk.write_one(component, local, item(contact(1), "A" * 250_000))

    read = await bulk.read(component, *owners)

    assert [one.outcome for one in read] == ["user", "user", "later"]


# --- Pushes and versions ----------------------------------------------------------


async def test_each_interested_session_gets_a_push_an_item(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    jid = f"{local}@localhost/deaf"
    async with (
        prosody.online(local) as phone,
        prosody.online(local, "web") as web,
        Client(jid, PASSWORD, prosody.c2s_port) as deaf,
    ):
        answer = await bulk.write_one(component, local, items(3))

        expected = [(str(number + 2), contact(number)) for number in range(3)]
        await until(lambda: len(phone.pushes) == len(web.pushes) == 3)
        assert pushed(phone) == pushed(web) == expected
        assert answer.ver == "4"
        assert await roster(phone, "4") == ("4", set())
        assert len((await roster(phone, "3"))[1]) == 3
        assert not deaf.pushes


async def test_a_write_on_an_old_version_is_a_conflict(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    async with prosody.online(local) as client:
        (read,) = await bulk.read(component, local)
        await client.roster_set("own@localhost", "Own")

        stale = await bulk.write_one(component, local, items(1), read.ver)
        fresh = await bulk.write_one(component, local, items(1), stale.ver)

        assert stale == Answer("conflict", local, stale.ver)
        assert fresh.outcome == "user"
        assert set(await client.roster()) == {"own@localhost", contact(0)}
        await until(lambda: len(client.pushes) == 2)
        assert [jid for _, jid in pushed(client)] == ["own@localhost", contact(0)]


async def all_pushed(component: RawComponent, client: Client, count: int) -> None:
    """Await pushes of so many contacts, and one with the roster's version."""
    local = client.jid.partition("@")[0]

    async def is_last() -> bool:
        (read,) = await bulk.read(component, local)
        return read.ver == pushed(client)[-1][0]

    await until(lambda: len({jid for _, jid in pushed(client)}) == count)
    await until(is_last)


async def test_nothing_is_lost_among_edits_of_the_user(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    async with prosody.online(local) as client:
        writing = asyncio.create_task(bulk.write_one(component, local, items(300)))
        for number in range(20):
            await client.roster_set(f"own{number}@localhost", "Own")
        await writing

        await all_pushed(component, client, 320)

        assert len(await client.roster()) == 320


async def write_much(component: RawComponent, local: str) -> None:
    """Write 2,000 contacts; their pushes wait at the thousandth."""
    first = items(999) + item(contact(999), "held")
    for contacts in first, items(1000, 1000):
        await bulk.write_one(component, local, contacts)
    await held(component)


async def version_of(client: Client, jid: str) -> str:
    """Await the push of a contact; return its version."""

    def version() -> str:
        return next(
            (ver for ver, pushed_jid in pushed(client) if pushed_jid == jid), ""
        )

    return await until(version)


async def test_an_edit_among_the_pushes_does_not_hide_the_rest(
    prosody: OpenProsody, component: RawComponent
):
    """A client that has the edit's push only must not be up to date."""
    local = prosody.new_account()
    async with (
        prosody.online(local) as phone,
        Client(f"{local}@localhost/web", PASSWORD, prosody.c2s_port) as web,
    ):
        await write_much(component, local)
        await web.roster_set("own@localhost", "Own")
        _, contacts = await roster(web, await version_of(phone, "own@localhost"))
        assert len(contacts) == 2001

        await release(component)
        await all_pushed(component, phone, 2001)

    versions, jids = zip(*pushed(phone), strict=True)
    assert jids.index("own@localhost") == 999
    assert versions.index(versions[-1]) == len(versions) - 1


async def test_a_client_that_leaves_among_the_pushes_reads_the_rest(
    prosody: OpenProsody, component: RawComponent
):
    """Also if the next session begins before the server does anything else."""
    local = prosody.new_account()
    async with prosody.online(local) as client:
        later = await prosody.authenticated(local)
        await write_much(component, local)
        await client.roster_set("own@localhost", "Own")
        version = await version_of(client, "own@localhost")
        assert len(client.pushes) == 1000

        await client.send("</stream:stream>")
        later.write(BIND + f"<iq type='get' id='r'>{ROSTER_QUERY.format(version)}</iq>")
        await later.next()
        answer = await later.next()
        await later.close()
        await release(component)

    assert len(list(answer.iter(ROSTER + "item"))) == 2001


# --- Failures ---------------------------------------------------------------------


async def test_what_cannot_be_stored_has_failed_and_changes_nothing(
    prosody: OpenProsody, component: RawComponent
):
    online, offline = prosody.new_account(), prosody.new_account()
    folder = prosody.folder / "data/localhost/roster"
    async with prosody.online(online) as client:
        await bulk.write(component, user(online, items(2)), user(offline, items(2)))
        await until(lambda: len(client.pushes) == 2)
        before = await roster(client)
        folder.rename(folder.with_name("away"))
        folder.touch()
        try:
            changed = item(contact(0), "Changed") + items(1, 7)
            written = await bulk.write(
                component,
                user(online, changed),
                user("nobody", changed),
                user(offline, changed),
            )
            read = await bulk.read(component, online, offline)
        finally:
            folder.unlink()
            folder.with_name("away").rename(folder)

        assert [one.outcome for one in written] == ["failed", "missing", "failed"]
        assert [one.outcome for one in read] == ["user", "failed"]
        assert await roster(client) == before
        assert (await client.roster())[contact(0)].name == "A name"
        assert len(client.pushes) == 2
        again = await bulk.write(
            component, user(online, changed), user(offline, changed)
        )
        assert [(one.outcome, one.written) for one in again] == [("user", "2")] * 2


async def test_an_account_that_cannot_be_read_is_not_missing(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    folder = prosody.folder / "data/localhost/accounts"
    folder.rename(folder.with_name("away"))
    folder.touch()
    try:
        read = await bulk.read(component, local)
        written = await bulk.write(component, user(local, items(1)))
        existing = await component.iq("get", bulk.request("exist", user(local)))
    finally:
        folder.unlink()
        folder.with_name("away").rename(folder)

    assert [one.outcome for one in (*read, *written)] == ["failed", "failed"]
    assert bulk.error(existing) == "wait internal-server-error"
    assert [one.outcome for one in await bulk.read(component, local)] == ["user"]


async def test_a_roster_that_breaks_prosody_has_failed(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    prosody.register("unreadable", PASSWORD)
    users = user("unreadable", items(1)), user(local, items(1))

    read = await bulk.read(component, "unreadable", local)
    written = await bulk.write(component, *users)

    assert [one.outcome for one in read] == ["failed", "user"]
    assert [one.outcome for one in written] == ["failed", "user"]
    log = "\n".join(prosody.our_log())
    assert "A roster could not be read: mod_brittle.lua:" in log
    assert "unreadable" not in log


async def test_a_request_that_breaks_prosody_is_answered(
    prosody: OpenProsody, component: RawComponent
):
    local = prosody.new_account()
    asked = bulk.request("exist", user(local), user("unknowable"))

    answer = await component.iq("get", asked)

    assert bulk.error(answer) == "wait internal-server-error"
    assert await bulk.exist(component, [local]) == [local]
    log = "\n".join(prosody.our_log())
    assert "A task failed at mod_brittle.lua:" in log
    assert "unknowable" not in log
