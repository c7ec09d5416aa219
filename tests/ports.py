"""Ports of 127.0.0.1 that no other test, of whatever process, is given."""

import os
import socket
from itertools import cycle

from demo.server import free

# Below what the kernel gives to outgoing connections (32768 on Linux), above the demo.
FIRST, LAST = 20_000, 32_000

# Where each process begins, so that two seldom try the same.
_next = cycle(range(FIRST, LAST))
for _ in range(os.getpid() * 97 % (LAST - FIRST)):
    next(_next)
_claims: list[socket.socket] = []


def free_port() -> int:
    """Return a port that nobody listens on; it is ours until this process ends.

    A port that is asked for and let go can be given to somebody else before a server
    has it. So each is claimed by a name among the abstract sockets of the machine
    (unix(7)), which the kernel frees with the process, however that ends.
    """
    for _ in range(FIRST, LAST):
        port = next(_next)
        if _claimed(port) and free(port):
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
