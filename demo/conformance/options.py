"""The options of `python -m demo.conformance`."""

import argparse
import math
import shlex
import shutil
from collections.abc import Sequence

from demo.conformance.scenarios import FIRST_PAUSE_SECONDS, SCENARIOS

PORTS = (16222, 16347, 16280)  # for clients, components and WebSocket
PLACES = ("jid", "service", "server", "websocket", "pause")


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    names = [one.name for one in SCENARIOS]
    parser = argparse.ArgumentParser(prog="python -m demo.conformance")
    parser.add_argument(
        "--run",
        type=_command,
        metavar="COMMAND",
        help="run it once for each scenario, with PASSWORD in its environment and "
        "{jid}, {service}, {server}, {websocket} and {pause} filled in; "
        "exit with 1 if it does something wrong",
    )
    parser.add_argument("--platform", choices=["mobile", "web"], default="mobile")
    parser.add_argument(
        "--pause",
        type=_seconds,
        default=FIRST_PAUSE_SECONDS,
        help="the first pause of the client in seconds, if it can be set",
    )
    parser.add_argument("--only", nargs="+", choices=names, metavar="SCENARIO")
    parser.add_argument(
        "--without-commands",
        action="store_true",
        help="for a client that only reads and writes",
    )
    parser.add_argument("--jobs", type=_count, default=8, help="clients at a time")
    parser.add_argument(
        "--ports",
        nargs=3,
        type=_port,
        default=PORTS,
        metavar="PORT",
        help="for clients, for the component, for WebSocket",
    )
    options = parser.parse_args(words)
    if len(set(options.ports)) < len(options.ports):
        parser.error("argument --ports: the three ports must differ")
    return options


def _command(text: str) -> list[str]:
    """Return the words of a command that can be run; raises ArgumentTypeError."""
    try:
        words = shlex.split(text)
        for word in words:
            word.format(**dict.fromkeys(PLACES, ""))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}") from error
    except LookupError as error:
        places = ", ".join(f"{{{name}}}" for name in PLACES)
        raise argparse.ArgumentTypeError(
            f"only {places} can be filled in: write other braces twice"
        ) from error
    if not words or not shutil.which(words[0]):
        raise argparse.ArgumentTypeError(f"no such program: {text!r}")
    return words


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return count


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65_536:
        raise argparse.ArgumentTypeError("must be from 1 to 65535")
    return port
