"""What an attack yields in a year, from what it has yielded until it was stopped."""

from dataclasses import dataclass, field

BURST, PER_YEAR = 10_000, 50_000  # the defaults of the budget


@dataclass(slots=True)
class Outcome:
    """Of one attack: numbers answered, users learnt, and what stopped it.

    ``answered``: by account. ``rules``: those that flagged, by account. ``refused``:
    accounts whose search was not covered. ``seconds`` until the end.
    """

    answered: dict[str, int] = field(default_factory=dict)
    hits: int = 0
    rules: dict[str, list[str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        return sum(self.answered.values())

    @property
    def flagged(self) -> list[str]:
        return [account for account, rules in self.rules.items() if rules]

    @property
    def is_stopped(self) -> bool:
        """Whether no account is answered anything new any more."""
        return len(self.refused | set(self.flagged)) == len(self.answered)

    @property
    def each(self) -> int:
        """Numbers that an account was answered, on average."""
        return round(self.total / max(1, len(self.answered)))


def per_account_year(outcome: Outcome) -> int:
    """Numbers that one account tests in a year, at most.

    Who is flagged is answered nothing new until staff releases him. Who is not, has
    the whole budget and what it refills: the attack may just have had no more time.
    """
    accounts = len(outcome.answered)
    flagged = outcome.flagged
    of_flagged = sum(outcome.answered[account] for account in flagged)
    free = accounts - len(flagged)
    return round((of_flagged + free * (BURST + PER_YEAR)) / max(1, accounts))
