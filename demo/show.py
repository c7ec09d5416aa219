"""`make demo`: what a user of the service sees, in a terminal."""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

from demo import settings
from demo.client import Client, ClientError, Item

JID = f"00393333333333@{settings.DOMAIN}/demo"
COMMANDS = {
    "cmd_add_to_roster": "add-to-roster.json",
    "cmd_search_users": "search-users.json5",
}

Node = dict[str, Any]


def main() -> None:
    try:
        asyncio.run(show())
    except ClientError as error:
        sys.exit(f"{error} Is `make run` running?")
    except KeyboardInterrupt:
        sys.exit(130)


async def show() -> None:
    """Log in, read the tree, send both commands, and compare the rosters."""
    async with Client(JID, settings.PASSWORD, settings.XMPP_C2S_PORT) as client:
        print(f"Logged in as {client.jid}.")
        title(f"The channels that {settings.SERVICE} publishes")
        document = json.loads(await client.document(settings.SERVICE))
        print("\n".join(tree(document["items"])) or "(none)")
        before = await client.roster()
        title("The roster before")
        show_roster(before, before)
        for command, file in COMMANDS.items():
            await send(client, command, (settings.PAYLOADS / file).read_text())
        title("The roster after")
        show_roster(await client.roster(), before)


async def send(client: Client, command: str, payload: str) -> None:
    title(command)
    print("sent    ", " ".join(payload.split()))
    answer = await client.command(settings.SERVICE, command, payload)
    print("answered", json.dumps(answer, ensure_ascii=False))


def title(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def tree(items: list[Node], indent: str = "") -> Iterator[str]:
    """Yield the lines that draw ``items`` and everything below them."""
    for number, item in enumerate(items, start=1):
        is_last = number == len(items)
        yield indent + ("└─ " if is_last else "├─ ") + label(item)
        yield from tree(item.get("items", []), indent + ("   " if is_last else "│  "))


def label(item: Node) -> str:
    """Return a line such as ``Liam  [mobile]  Life in a monk house``."""
    info = item["info"]
    flags = {"mobile": item["mobileIsPublished"], "web": item["webIsPublished"]}
    shown = ", ".join(name for name, is_on in flags.items() if is_on)
    slash = "/" if item["type"] == "group" else ""
    return f"{info['name']}{slash}  [{shown}]  {info['status']}".rstrip()


def show_roster(roster: dict[str, Item], before: dict[str, Item]) -> None:
    """Print one line per contact; a plus marks new and changed ones."""
    for jid, item in sorted(roster.items()):
        mark = " " if before.get(jid) == item else "+"
        print(f"{mark} {jid:30} {item.name:20} {', '.join(sorted(item.groups))}")
    if not roster:
        print("  (empty)")


if __name__ == "__main__":
    main()
