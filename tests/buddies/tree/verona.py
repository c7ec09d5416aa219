"""A small tree, for the tests of its edits."""

from tests.buddies.conftest import named

VERONA = """\
verona
  romeo
  house
    tybalt
    nurse
  juliet
mario""".splitlines()


def positions(*names: str) -> list[int]:
    return [named(name).position for name in names]
