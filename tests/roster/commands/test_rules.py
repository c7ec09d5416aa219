"""The table of contract 3, row by row, and what holds for every roster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roster.commands.rules import Contact, Groups, Rule, applied, decide, normal_name
from xmppservice.protocol.roster import RosterItem

GROUPS = Groups("others", "verified")
JID = "00393471111111@localhost"
NOTHING = None


def contact(name: str = "Mario", *, verified: bool = False) -> Contact:
    return Contact(JID, "+39 347 1111111", name, verified)


def item(name: str, *groups: str, subscription: str = "none") -> RosterItem:
    return RosterItem(JID, name, groups, subscription)


# on the roster | received name | written when others | written when verified
TABLE = [
    # no
    (None, "Mario", ("Mario", "others"), ("Mario", "verified")),
    (None, "", ("+39 347 1111111", "others"), ("+39 347 1111111", "verified")),
    (None, " \t", ("+39 347 1111111", "others"), ("+39 347 1111111", "verified")),
    (None, " Mario ", ("Mario", "others"), ("Mario", "verified")),
    # yes | none | same
    (("Mario",), "Mario", ("Mario", "others"), ("Mario", "verified")),
    (("Mario",), "", ("Mario", "others"), ("Mario", "verified")),
    (("",), "", ("", "others"), ("", "verified")),
    # yes | none | empty or different
    (("",), "Mario", ("Mario", "others"), ("Mario", "verified")),
    (("Luigi",), "Mario", ("Mario", "others"), ("Mario", "verified")),
    # yes | any | empty or different
    (("", "others"), "Mario", ("Mario", "others"), ("Mario", "verified")),
    (("Luigi", "others"), "Mario", ("Mario", "others"), ("Mario", "verified")),
    (("Luigi", "verified"), "Mario", ("Mario", "verified"), ("Mario", "verified")),
    (("Luigi", "Family"), "Mario", ("Mario", "Family"), ("Mario", "Family")),
    (
        ("Luigi", "others", "Family"),
        "Mario",
        ("Mario", "others", "Family"),
        ("Mario", "Family", "verified"),
    ),
    # yes | others | same
    (("Mario", "others"), "Mario", NOTHING, ("Mario", "verified")),
    (("Mario", "others"), "", NOTHING, ("Mario", "verified")),
    (("Mario", "OTHERS"), "Mario", NOTHING, ("Mario", "verified")),
    (("Mario", "Others", "others"), "Mario", NOTHING, ("Mario", "verified")),
    (("Mario", "a", "others", "b"), "Mario", NOTHING, ("Mario", "a", "b", "verified")),
    (("Mario", "others", "VERIFIED"), "Mario", NOTHING, ("Mario", "VERIFIED")),
    # yes | verified, or only the user's own groups | same
    (("Mario", "verified"), "Mario", NOTHING, NOTHING),
    (("Mario", "Verified"), "Mario", NOTHING, NOTHING),
    (("Mario", "verified", "Family"), "", NOTHING, NOTHING),
    (("Mario", "Family"), "Mario", NOTHING, NOTHING),
    (("Mario", "Family", "Work"), " Mario\n", NOTHING, NOTHING),
    ((" Mario ", "Family"), "Mario", NOTHING, NOTHING),
    (("Mar\u00eda", "Family"), "Mari\u0301a", NOTHING, NOTHING),
    (("Mari\u0301a", "Family"), "Mar\u00eda", NOTHING, NOTHING),
    (("mario", "Family"), "Mario", ("Mario", "Family"), ("Mario", "Family")),
]


@pytest.mark.parametrize("subscription", ["none", "to", "from", "both"])
@pytest.mark.parametrize("verified", [False, True], ids=["others", "verified"])
@pytest.mark.parametrize(("before", "received", "others", "promoted"), TABLE)
def test_the_table(before, received, others, promoted, verified, subscription):
    present = item(*before, subscription=subscription) if before else None
    after = promoted if verified else others

    written = decide(present, contact(received, verified=verified), GROUPS)

    kept = subscription if before else "none"
    assert written == (item(*after, subscription=kept) if after else None)


def test_the_groups_are_settings():
    named = Groups("Bekannte", "Geprüft")
    present = item("Mario", "BEKANNTE", "others")

    assert decide(None, contact(), named).groups == ("Bekannte",)
    promoted = decide(present, contact(verified=True), named)
    assert promoted.groups == ("others", "Geprüft")


def test_group_names_compare_without_case_in_every_script():
    named = Groups("STRASSE", "verified")
    promoted = decide(item("Mario", "straße"), contact(verified=True), named)
    assert promoted.groups == ("verified",)


def test_an_item_keeps_the_jid_it_has():
    present = RosterItem("+393471111111@localhost", "Mario", ("others",))
    assert decide(present, contact(verified=True), GROUPS).jid == present.jid


def test_a_name_is_compared_trimmed_and_composed():
    assert normal_name(" Mari\u0301a \n") == "Mar\u00eda"
    assert normal_name("Mario Rossi") == "Mario Rossi"


# --- For every roster -----------------------------------------------------------

OWN = ["Family", "Work", "FAMILY"]
SERVICE = ["others", "Others", "verified", "VERIFIED"]
NAMES = st.sampled_from(["", " ", "Mario", " Mario ", "Mari\u0301a", "Mar\u00eda", "x"])
ITEMS = st.builds(
    RosterItem,
    jid=st.just(JID),
    name=NAMES,
    groups=st.lists(st.sampled_from(OWN + SERVICE), unique=True).map(tuple),
    subscription=st.sampled_from(["none", "to", "from", "both"]),
)
CONTACTS = st.builds(
    Contact,
    jid=st.just(JID),
    address=st.just("+39 347 1111111"),
    name=NAMES,
    verified=st.booleans(),
)


def has(item: RosterItem, group: str) -> bool:
    return group in [name.casefold() for name in item.groups]


def own(item: RosterItem) -> list[str]:
    return [name for name in item.groups if name in OWN]


@given(st.none() | ITEMS, CONTACTS)
def test_a_second_run_writes_nothing(present, received):
    after = decide(present, received, GROUPS) or present
    assert decide(after, received, GROUPS) is None


@given(ITEMS, CONTACTS)
def test_no_contact_is_demoted_and_the_users_own_groups_stay(present, received):
    after = decide(present, received, GROUPS) or present

    assert has(after, "verified") >= has(present, "verified")
    assert has(after, "others") <= (has(present, "others") or not present.groups)
    assert own(after) == own(present)
    assert (after.jid, after.subscription) == (present.jid, present.subscription)


@given(ITEMS, CONTACTS)
def test_no_name_is_ever_replaced_by_an_empty_one(present, received):
    after = decide(present, received, GROUPS) or present
    assert after.name.strip() or not present.name.strip()


@pytest.mark.parametrize(
    ("before", "received", "verified", "rule"),
    [
        (None, "Mario", False, Rule.ADDED),
        (item("Mario"), "Mario", False, Rule.GROUPED),
        (item("Luigi"), "Mario", False, Rule.GROUPED_AND_NAMED),
        (item("Luigi", "Family"), "Mario", True, Rule.NAMED),
        (item("Luigi", "others"), "Mario", False, Rule.NAMED),
        (item("Luigi", "others"), "Mario", True, Rule.NAMED_AND_PROMOTED),
        (item("Mario", "others"), "Mario", True, Rule.PROMOTED),
        (item("Mario", "verified"), "Mario", True, Rule.NOTHING),
    ],
)
def test_the_row_of_the_table_that_applied_is_known(before, received, verified, rule):
    after = decide(before, contact(received, verified=verified), GROUPS)
    assert applied(before, after or before) == rule
