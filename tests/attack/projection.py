"""What an attack yields in a year, projected from its yield until it was stopped."""

from dataclasses import dataclass, field

BURST, PER_YEAR = 10_000, 50_000  # the defaults of the budget


@dataclass(slots=True)
class Outcome:
    """The result of an attack: numbers answered, users learnt, and what stopped it.

    ``answered``: by account. ``rules``: those that flagged, by account. ``refused``:
    accounts whose search the budget did not cover. ``seconds``: until the end.
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
        """Whether no account gets a new answer any more."""
        return len(self.refused | set(self.flagged)) == len(self.answered)

    @property
    def each(self) -> int:
        """Numbers answered per account, on average."""
        return round(self.total / max(1, len(self.answered)))


def per_account_year(outcome: Outcome) -> int:
    """Return how many numbers one account tests in a year, at most.

    A flagged account gets no new answers until staff clear the flag. Others have the
    whole budget and its refill: the attack may just have run out of time.
    """
    accounts = len(outcome.answered)
    flagged = outcome.flagged
    of_flagged = sum(outcome.answered[account] for account in flagged)
    free = accounts - len(flagged)
    return round((of_flagged + free * (BURST + PER_YEAR)) / max(1, accounts))
