"""A campaign laid over the live tree: what holds for all trees and all edits."""

import os

from hypothesis import assume, given, settings

from buddies.campaigns.merge import (
    NONE,
    Change,
    Differences,
    Order,
    merge,
    record,
    resolve,
)
from buddies.campaigns.sketch import Sketch
from buddies.tree.snapshot import Snapshot
from tests.buddies.campaigns.trees import (
    EDITS,
    SEEDS,
    Edits,
    assert_can_be_stored,
    assert_is_a_tree,
    edited,
    first_of,
    of,
    some_tree,
    values,
)

EXAMPLES = settings(
    derandomize=True,
    max_examples=int(os.environ.get("EXAMPLES", "60")),
)


@EXAMPLES
@given(SEEDS, EDITS)
def test_on_what_it_was_made_on_it_gives_its_own_tree(seed: int, a: Edits):
    base = some_tree(seed)
    tree = edited(base, a, "A")

    assert merge(base, of(base, tree)) == (tree, [])


@EXAMPLES
@given(SEEDS, EDITS, EDITS)
def test_edits_after_edits_are_recorded_as_one(seed: int, a: Edits, b: Edits):
    base = some_tree(seed)
    campaign = of(base, edited(base, a, "A"))
    tree = edited(merge(base, campaign).tree, b, "B")

    assert merge(base, record(campaign, base, tree)) == (tree, [])


@EXAMPLES
@given(SEEDS, EDITS)
def test_taking_everything_back_leaves_no_difference(seed: int, a: Edits):
    base = some_tree(seed)
    campaign = of(base, edited(base, a, "A"))

    back = record(campaign, base, base)

    # An order may be left that says nothing.
    assert back[:3] == ({}, {}, {})
    assert merge(base, back) == (base, [])


@EXAMPLES
@given(SEEDS, EDITS, EDITS)
def test_two_without_conflict_commute(seed: int, a: Edits, b: Edits):
    base = some_tree(seed)
    one, two = of(base, edited(base, a, "A")), of(base, edited(base, b, "B"))

    ab = merge(merge(base, one).tree, two)
    ba = merge(merge(base, two).tree, one)

    assert first_of(ab) == first_of(ba)
    assert bool(ab.conflicts) == bool(ba.conflicts)
    assert_is_a_tree(ab.tree)
    if not first_of(ab):
        assert set(ab.conflicts) == set(ba.conflicts)
    if not ab.conflicts:
        assert_can_be_stored(ab.tree)
        assert ab.tree == ba.tree


@EXAMPLES
@given(SEEDS, EDITS, EDITS)
def test_twice_is_the_same_as_once(seed: int, a: Edits, b: Edits):
    base = some_tree(seed)
    campaign, live = of(base, edited(base, a, "A")), edited(base, b, "L")
    once = merge(live, campaign)
    assume(not once.conflicts)

    assert merge(once.tree, campaign) == once


@EXAMPLES
@given(SEEDS, EDITS, EDITS)
def test_nothing_live_is_lost_but_what_it_removes(seed: int, a: Edits, b: Edits):
    base = some_tree(seed)
    campaign, live = of(base, edited(base, a, "A")), edited(base, b, "L")

    merged = merge(live, campaign)

    disputed = {conflict.key for conflict in merged.conflicts}
    for key in live.entries.keys() - campaign.removed.keys():
        mine = merged.tree.entries[key]
        touched = campaign.changed.get(key, {}).keys()
        for name in live.entries[key].keys() - touched:
            assert key in disputed or mine[name] == live.entries[key][name]


@EXAMPLES
@given(SEEDS, EDITS, EDITS)
def test_without_conflict_no_wish_is_dropped(seed: int, a: Edits, b: Edits):
    base = some_tree(seed)
    campaign, live = of(base, edited(base, a, "A")), edited(base, b, "L")
    merged = merge(live, campaign)
    assume(not merged.conflicts)

    entries = merged.tree.entries
    assert all(entries[key] == added for key, added in campaign.added.items())
    assert not campaign.removed.keys() & entries.keys()
    for key, changes in campaign.changed.items():
        for name, change in changes.items():
            assert entries[key][name] == change.now


@EXAMPLES
@given(SEEDS, EDITS, EDITS)
def test_an_edit_settles_no_conflict_of_another_entry(seed: int, a: Edits, b: Edits):
    base = some_tree(seed)
    campaign, live = of(base, edited(base, a, "A")), edited(base, b, "L")
    before = merge(live, campaign)
    assume(before.conflicts)
    sketch = Sketch(before.tree)
    sketch.add("fresh", values(None, "channel", "fresh"))

    after = merge(live, record(campaign, live, sketch.finish()))

    assert set(after.conflicts) == set(before.conflicts)
    assert "fresh" in after.tree.entries


@EXAMPLES
@given(SEEDS, EDITS, EDITS)
def test_a_decision_settles_just_that(seed: int, a: Edits, b: Edits):
    base = some_tree(seed)
    campaign, live = of(base, edited(base, a, "A")), edited(base, b, "L")
    for conflict in merge(live, campaign).conflicts:
        for keeps_own in (True, False):
            if conflict.kind not in ("field", "gone", "order"):
                continue
            if (
                conflict.kind == "gone"
                and keeps_own
                and conflict.key not in live.entries
            ):
                continue  # bringing it back takes the log
            after = merge(live, resolve(campaign, live, conflict, keeps_own))
            assert conflict not in after.conflicts
            if conflict.kind == "field" and conflict.detail != "parent":
                mine = after.tree.entries[conflict.key][conflict.detail]
                side = merge(live, campaign).tree if keeps_own else live
                assert mine == side.entries[conflict.key][conflict.detail]


@EXAMPLES
@given(SEEDS, EDITS, EDITS, EDITS)
def test_two_commute_on_a_live_tree_that_moved_on(
    seed: int, a: Edits, b: Edits, c: Edits
):
    base = some_tree(seed)
    one, two = of(base, edited(base, a, "A")), of(base, edited(base, b, "B"))
    live = edited(base, c, "L")
    first, second = merge(live, one), merge(live, two)
    assume(not first.conflicts and not second.conflicts)

    ab, ba = merge(first.tree, two), merge(second.tree, one)

    # The second one may have to be asked about an order, never about more.
    assert {c.kind for c in ab.conflicts} ^ {c.kind for c in ba.conflicts} <= {"order"}
    if not ab.conflicts and not ba.conflicts:
        assert ab.tree.entries == ba.tree.entries


# --- Single cases ---------------------------------------------------------------------


def tree(**entries: tuple[str | None, str]) -> Snapshot:
    """Return a tree of keys with their group and type, in this order."""
    sketch = Sketch(Snapshot({}, {}))
    for key, (group, kind) in entries.items():
        sketch.add(key, values(group, kind, key))
    return sketch.finish()


VERONA = tree(
    house=(None, "group"), romeo=("house", "channel"), juliet=("house", "channel")
)


def test_a_value_that_live_has_already_is_no_conflict():
    live = edit(VERONA, "romeo", name="Romeo")
    campaign = of(VERONA, edit(VERONA, "romeo", name="Romeo"))

    assert merge(live, campaign) == (live, [])


def edit(base: Snapshot, key: str, **changes: object) -> Snapshot:
    sketch = Sketch(base)
    sketch.change([key], changes)
    return sketch.finish()


def test_a_conflict_disappears_when_live_is_put_back():
    campaign = of(VERONA, edit(VERONA, "romeo", name="Romeo"))
    live = edit(VERONA, "romeo", name="Montague")

    assert merge(live, campaign).conflicts == [("field", "romeo", "name")]
    assert merge(VERONA, campaign).conflicts == []


def test_several_live_values_may_be_departed_from():
    change = {"romeo": {"name": Change(("romeo", "Montague"), "Romeo")}}
    campaign = Differences({}, {}, change, {})

    assert merge(VERONA, campaign).conflicts == []
    live = edit(VERONA, "romeo", name="Montague")
    assert merge(live, campaign).tree.entries["romeo"]["name"] == "Romeo"


def test_what_one_side_adds_follows_its_neighbour_in_the_order_of_the_other():
    sketch = Sketch(VERONA)
    sketch.move(["juliet"], "romeo", "before")
    campaign = of(VERONA, sketch.finish())
    live = Sketch(VERONA)
    live.add("nurse", values("house", "channel", "nurse"))
    live.move(["nurse"], "romeo", "after")

    merged = merge(live.finish(), campaign)

    assert merged.tree.order["house"] == ["juliet", "romeo", "nurse"]
    assert merged.conflicts == []


def test_two_that_a_server_cannot_tell_apart_are_a_conflict():
    campaign = of(VERONA, edit(VERONA, "romeo", address="tybalt"))
    sketch = Sketch(VERONA)
    sketch.add("other", values(None, "channel", "Tybalt"))

    merged = merge(sketch.finish(), campaign)

    assert merged.conflicts == [("address", "other", "romeo")]


def test_such_a_pair_that_is_live_already_is_none():
    sketch = Sketch(VERONA)
    sketch.add("other", values(None, "channel", "ROMEO"))
    live = sketch.finish()
    campaign = of(live, edit(live, "other", name="x"))

    assert merge(live, campaign).conflicts == []


def test_what_is_wrong_live_is_no_conflict_of_a_campaign_that_leaves_it():
    """An older version stored it, or somebody by hand."""
    sketch = Sketch(VERONA)
    sketch.add("other", values(None, "group", "other", default_message="hello"))
    live = sketch.finish()

    assert merge(live, of(live, edit(live, "romeo", name="x"))).conflicts == []
    text = of(live, edit(live, "other", name="x"))
    assert merge(live, text).conflicts == [("kind", "other", "")]


def test_an_order_that_both_changed_is_a_conflict_until_it_is_decided():
    three = tree(a=(None, "channel"), b=(None, "channel"), c=(None, "channel"))
    campaign = Differences({}, {}, {}, {None: Order(("a", "b", "c"), ("c", "a", "b"))})
    sketch = Sketch(three)
    sketch.move(["b"], "a", "before")
    live = sketch.finish()

    merged = merge(live, campaign)

    assert merged.conflicts == [("order", None, "")]
    for keeps_own, order in ((True, ["c", "a", "b"]), (False, ["b", "a", "c"])):
        decided = resolve(campaign, live, merged.conflicts[0], keeps_own)
        assert merge(live, decided) == (Snapshot(live.entries, {None: order}), [])


def test_a_decision_about_a_value_of_an_added_entry_settles_no_other_one():
    """It is live already, because the campaign is prepared again."""
    wished = values(None, "channel", "romeo", status="own")
    campaign = Differences({"romeo": {**wished, "name": "own"}}, {}, {}, {})
    live = Snapshot(
        {"romeo": {**wished, "name": "live", "status": "live"}}, {None: ["romeo"]}
    )
    open_ones = merge(live, campaign).conflicts
    assert [one.detail for one in open_ones] == ["name", "status"]

    for keeps_own, name in ((True, "own"), (False, "live")):
        decided = resolve(campaign, live, open_ones[0], keeps_own)
        merged = merge(live, decided)
        assert merged.conflicts == [open_ones[1]]
        assert merged.tree.entries["romeo"]["name"] == name
        for keeps, status in ((True, "own"), (False, "live")):
            last = resolve(decided, live, open_ones[1], keeps)
            after = merge(live, last)
            assert after.conflicts == []
            assert after.tree.entries["romeo"]["status"] == status


def test_an_edit_of_an_added_entry_does_not_settle_where_it_is():
    group = values(None, "group", "house")
    live = Snapshot({"house": group}, {None: ["house"]})
    sketch = Sketch(live)
    sketch.add("nurse", values("house", "channel", "nurse"))
    campaign = record(NONE, live, sketch.finish())
    gone = Snapshot({}, {})
    (conflict,) = merge(gone, campaign).conflicts
    assert conflict == ("inside", "nurse", "house")

    shown = merge(gone, campaign).tree
    edited_one = edit(shown, "nurse", name="Nurse")
    after = record(campaign, gone, edited_one)

    assert merge(gone, after).conflicts == [conflict]
    assert after.added["nurse"]["name"] == "Nurse"
