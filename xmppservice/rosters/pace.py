"""How much an XMPP server is given to do at once.

Prosody handles all that it has read from a component before it turns to anybody else.
What is in flight delays another user's login by as much, several times.
"""

import math

# What one turn of the XMPP server may take. A login needs about eight.
TURN_SECONDS = 0.05
# What a write costs besides saving the roster, as if it were so many items.
FIXED_COST = 20
# More is no distance: the server was busy each time.
MAX_LATENCY_SECONDS = 0.25


def cost_of_write(size: int) -> int:
    """Return what it costs to write an item to a roster of ``size`` items.

    In items that are saved: Prosody saves the whole roster for each.
    """
    return FIXED_COST + size


class Latency:
    """What the distance to a server costs: the shortest time that an answer took."""

    def __init__(self) -> None:
        self._shortest = math.inf

    def note(self, seconds: float) -> None:
        """Note how long an answer took that gave the server next to nothing to do."""
        self._shortest = min(self._shortest, seconds)

    def without(self, seconds: float) -> float:
        """Return what the server itself took of ``seconds``."""
        if self._shortest == math.inf:
            return seconds
        return max(0.0, seconds - min(self._shortest, MAX_LATENCY_SECONDS))


class Pace:
    """``load``: how much to ask for at once, of what is measured in one unit.

    It follows what the server answers within TURN_SECONDS.
    """

    def __init__(self, first: int, most: int) -> None:
        self.load, self._most = first, most

    def note(self, load: int, seconds: float) -> None:
        """Note that the server took ``seconds`` for ``load``."""
        fitting = int(load * TURN_SECONDS / max(seconds, 0.001))
        self.load = max(1, min(fitting, 2 * self.load, self._most))
