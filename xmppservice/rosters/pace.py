"""How much an XMPP server is given to do at once.

Prosody handles all that it has read from a component before it turns to anybody else.
What is in flight delays another user's login by as much, several times.
"""

# What one turn of the XMPP server may take. A login needs about eight.
TURN_SECONDS = 0.05
# What a write costs besides saving the roster, as if it were so many items.
FIXED_COST = 20


def cost_of_write(size: int) -> int:
    """Return what it costs to write an item to a roster of ``size`` items.

    In items that are saved: Prosody saves the whole roster for each.
    """
    return FIXED_COST + size


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
