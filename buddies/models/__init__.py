"""The tree with its releases, and the campaigns that will change it."""

from buddies.models.answerers import Answerer
from buddies.models.campaigns import (
    Approval,
    Arrangement,
    Campaign,
    Difference,
    DifferenceLog,
)
from buddies.models.tree import (
    MAX_LEVELS,
    Buddy,
    HistoricalBuddy,
    Release,
    Tree,
    legal_xml,
    new_address,
    plausible,
)

__all__ = [
    "MAX_LEVELS",
    "Answerer",
    "Approval",
    "Arrangement",
    "Buddy",
    "Campaign",
    "Difference",
    "DifferenceLog",
    "HistoricalBuddy",
    "Release",
    "Tree",
    "legal_xml",
    "new_address",
    "plausible",
]
