"""A Prosody with our module whose users may register themselves."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from demo.client import Client, ClientError
from demo.component import RawComponent
from demo.server import STREAM
from demo.stream import RawStream
from tests.ports import free_port
from tests.prosody_files import FiledProsody
from tests.service import COMPONENT, PASSWORD, SECRET, until

OTHER = "other.localhost"  # a component that the module does not serve
LIMITED, UNSET = "limited.localhost", "unset.localhost"
HOSTS = f"""
VirtualHost "{LIMITED}"
	modules_enabled = {{ "xmppservice" }}
	xmppservice_component = "{COMPONENT}"
	xmppservice_permissions = {{ "exist", "exit" }}
VirtualHost "{UNSET}"
	modules_enabled = {{ "xmppservice" }}
Component "{OTHER}"
	component_secret = "{SECRET}"
"""
BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
MODULES = '"roster"; '
# Breaks for some users, and names them. Deletes accounts as an administrator does.
# Waits before it answers about the user "held", or pushes a contact of this name.
BRITTLE = """
local async = require "util.async";
local filters = require "util.filters";
local st = require "util.stanza";
local usermanager = require "core.usermanager";
local user_exists = usermanager.user_exists;
local release, last;
local function hold()
	local wait, done = async.waiter();
	release = done;
	wait();
end
function usermanager.user_exists(username, host)
	if username:find("unknowable") then error(username); end
	if username == "held" and host == module.host then hold(); end
	return user_exists(username, host);
end
filters.add_filter_hook(function (session)
	filters.add_filter(session, "stanzas/out", function (stanza)
		local id = stanza.attr.id;
		local item = stanza.attr.type == "set" and stanza.tags[1].tags[1];
		local is_held = item and item.attr.name == "held";
		-- The same push goes to each session: only the first one waits.
		if session.host == module.host and is_held and id ~= last then
			last = id;
			hold();
		end
		return stanza;
	end);
end);
module:hook("iq-get/host/urn:test:is-held", function (event)
	event.origin.send(st.reply(event.stanza):text_tag("held", release and "yes" or ""));
	return true;
end);
module:hook("iq-set/host/urn:test:release", function (event)
	event.origin.send(st.reply(event.stanza));
	local done = release;
	release = nil;
	done();
	return true;
end);
module:hook("iq-set/host/urn:test:delete", function (event)
	usermanager.delete_user(event.stanza.tags[1].attr.name, module.host);
	event.origin.send(st.reply(event.stanza));
	return true;
end);
module:hook("roster-load", function (event)
	if event.username:find("unreadable") then error(event.username); end
end);
"""

_numbers = count()


class Unbound(RawStream):
    """Logs in, but leaves it to the test to bind a resource."""

    async def _bind(self, resource: str) -> None:
        pass


class OpenProsody(FiledProsody):
    """Has in-band registration, and hosts that allow less or nothing."""

    def __init__(self, folder: Path, **more: Any) -> None:
        ports = ("c2s_port", "component_port", "http_port")
        free = {name: free_port() for name in ports}
        super().__init__(folder, **free, secret=SECRET, **more)

    def _copy_modules(self, modules: Path) -> None:
        super()._copy_modules(modules)
        (modules / "mod_brittle.lua").write_text(BRITTLE)

    def _settings(self) -> str:
        text = super()._settings()
        assert text.count(MODULES) == 1
        text = text.replace(MODULES, f'{MODULES}"register"; "brittle"; ')
        return f"allow_registration = true\n{text}{HOSTS}"

    def new_account(self) -> str:
        """Create an account; return its localpart."""
        local = f"0039333{next(_numbers):07d}"
        self.register(local, PASSWORD)
        return local

    @asynccontextmanager
    async def online(
        self, local: str, resource: str = "phone"
    ) -> AsyncIterator[Client]:
        """A session that gets roster pushes."""
        jid = f"{local}@{self.domain}/{resource}"
        async with Client(jid, PASSWORD, self.c2s_port) as client:
            await client.roster()
            yield client

    async def authenticated(self, local: str) -> RawStream:
        """Open a stream that becomes a session when it binds a resource."""
        ends = await asyncio.open_connection("127.0.0.1", self.c2s_port)
        stream = Unbound(*ends, f"{local}@{self.domain}")
        await stream.log_in(PASSWORD)
        return stream

    async def register_in_band(self, local: str, host: str = "localhost") -> None:
        """Create an account as a client does (XEP-0077, section 3.1)."""
        fields = f"<username>{local}</username><password>{PASSWORD}</password>"
        query = f"<query xmlns='jabber:iq:register'>{fields}</query>"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.c2s_port)
        writer.write(STREAM.format(namespace="jabber:client", to=host).encode())
        await reader.readuntil(b"</stream:features>")
        writer.write(f"<iq type='set' id='r'>{query}</iq>".encode())
        answer = await reader.readuntil(b">")
        assert b"result" in answer, answer
        writer.close()

    def our_log(self) -> Iterable[str]:
        """Return what the module has logged since the start."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if ":xmppservice" in line]


async def held(component: RawComponent) -> None:
    """Await that the module waits for :func:`release`."""

    async def is_held() -> bool:
        answer = await component.iq("get", "<is-held xmlns='urn:test'/>")
        return bool(answer[0].text)

    await until(is_held)


async def release(component: RawComponent) -> None:
    await component.iq("set", "<release xmlns='urn:test'/>")


def pushed(client: Client) -> list[tuple[str, str]]:
    """Return version and JID of each push, in order."""
    queries = [push[0] for push in client.pushes]
    assert all(len(query) == 1 for query in queries)
    return [(one.get("ver", ""), one[0].get("jid", "")) for one in queries]


async def leave(client: Client) -> None:
    """Remove the account in-band; the server may end the stream before it answers."""
    remove = "<query xmlns='jabber:iq:register'><remove/></query>"
    try:
        await client.iq("set", remove)
    except ClientError:
        pass
