"""profanity, an ordinary XMPP client for the terminal, driven by a test."""

from tests.terminal import Program


class Profanity(Program):
    """A profanity that keeps its files below ``folder``."""

    name = "profanity"
