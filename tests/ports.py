"""Ports of 127.0.0.1 that no other test gets, in any process."""

import os
import socket
from itertools import cycle

from demo.server import is_free

# Below the ports of outgoing connections (32768 on Linux), above those of the demo.
FIRST, LAST = 20_000, 32_000

# Each process begins at another port, so that two seldom try the same.
_next = cycle(range(FIRST, LAST))
for _ in range(os.getpid() * 97 % (LAST - FIRST)):
    next(_next)
_claims: list[socket.socket] = []


def free_port() -> int:
    """Return an unused port, reserved until this process ends.

    A port that is only bound and released can be taken before a server binds it. So
    each is reserved by the name of an abstract socket (unix(7)), which the kernel frees
    with the process, however that ends.
    """
    for _ in range(FIRST, LAST):
        port = next(_next)
        if _claimed(port) and is_free(port):
            return port
    raise AssertionError(f"no port from {FIRST} to {LAST} is free")


def _claimed(port: int) -> bool:
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0xmppservice-test-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True
