"""What a program does with the client that is generated from the description.

The client's models are typed and refuse nothing: an object that lacks a required field
cannot be made, and a response that is not as described cannot be read.
"""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from generated_client import AuthenticatedClient
from generated_client.api.accounts import (
    accounts_bulk_create,
    accounts_create,
    accounts_destroy,
    accounts_list,
    accounts_partial_update,
    accounts_reassign_create,
    accounts_refresh_create,
    accounts_retrieve,
    accounts_update,
)
from generated_client.api.api import root_retrieve
from generated_client.api.buddies import (
    buddies_create,
    buddies_destroy,
    buddies_duplicate_create,
    buddies_hide_create,
    buddies_list,
    buddies_move_create,
    buddies_partial_update,
    buddies_retrieve,
    buddies_update,
)
from generated_client.api.campaigns import (
    campaigns_again_create,
    campaigns_approvals_create,
    campaigns_approvals_retrieve,
    campaigns_changes_retrieve,
    campaigns_conflicts_create,
    campaigns_conflicts_retrieve,
    campaigns_create,
    campaigns_destroy,
    campaigns_document_retrieve,
    campaigns_end_create,
    campaigns_list,
    campaigns_opposite_create,
    campaigns_partial_update,
    campaigns_publish_create,
    campaigns_retrieve,
    campaigns_undo_create,
    campaigns_unplan_create,
)
from generated_client.api.commands import (
    commands_list,
    commands_retrieve,
    commands_retry_create,
)
from generated_client.api.delivery import delivery_retrieve
from generated_client.api.document import document_retrieve
from generated_client.api.releases import (
    releases_diff_retrieve,
    releases_document_retrieve,
    releases_list,
    releases_partial_update,
    releases_publish_create,
    releases_reach_retrieve,
    releases_restore_create,
    releases_retrieve,
)
from generated_client.api.tree import tree_retrieve
from generated_client.models import (
    Account,
    AccountRequest,
    Api,
    ApprovalRequest,
    Buddy,
    BuddyRequest,
    BulkRequest,
    CampaignApprovals,
    CampaignChanges,
    CampaignConflicts,
    CampaignDetail,
    CampaignDetailRequest,
    CampaignsListState,
    ConflictKind,
    DecisionRequest,
    Delivery,
    Diff,
    EntryType,
    InfoRequest,
    MoveRequest,
    PaginatedAccountList,
    PaginatedBuddyList,
    PaginatedCampaignList,
    PaginatedCommandList,
    PaginatedReleaseList,
    PatchedAccountRequest,
    PatchedBuddyRequest,
    PatchedCampaignDetailRequest,
    PatchedInfoRequest,
    PatchedReleaseRequest,
    Problem,
    PublicationRequest,
    Reach,
    Release,
    RowRequest,
    Stored,
    Tree,
    WhereEnum,
    WholeCommand,
)
from generated_client.types import UNSET, Unset

ROMEO, JULIET = "romeo@localhost", "juliet@localhost"


def accounts(client: AuthenticatedClient) -> None:
    """List and add accounts, one and many; change, hand over and delete them."""
    page = accounts_list.sync(client=client)
    assert isinstance(page, PaginatedAccountList)
    assert (page.results, page.next_, page.previous) == ([], None, None)

    romeo = accounts_create.sync(client=client, body=AccountRequest(jid=ROMEO))
    assert isinstance(romeo, Account)
    assert (romeo.last_seen, romeo.gone_since) == (None, None)
    taken = accounts_create.sync(client=client, body=AccountRequest(jid=ROMEO))
    assert isinstance(taken, Problem)
    assert isinstance(taken.errors, list)
    assert taken.errors[0].pointer == "#/jid"

    rows = [
        RowRequest(account="+39 347 111 1111", name="Mario"),
        RowRequest(account=JULIET, discoverable=False),
        RowRequest(account="nobody"),
    ]
    stored = accounts_bulk_create.sync(client=client, body=BulkRequest(accounts=rows))
    assert isinstance(stored, Stored)
    assert (stored.created, stored.errors[0].pointer) == (2, "#/accounts/2/account")

    first = accounts_list.sync(client=client, page_size=2)
    assert isinstance(first, PaginatedAccountList)
    assert first.next_ is not None
    shown = accounts_list.sync(client=client, discoverable=True, search="mario")
    assert isinstance(shown, PaginatedAccountList)
    (mario,) = shown.results
    assert mario.msisdn == "+393471111111"

    changed = accounts_partial_update.sync(
        mario.id, client=client, body=PatchedAccountRequest(enabled=False)
    )
    assert isinstance(changed, Account)
    put = accounts_update.sync(
        mario.id, client=client, body=AccountRequest(jid=mario.jid, name="M. Rossi")
    )
    assert put == accounts_retrieve.sync(mario.id, client=client)
    assert isinstance(put, Account)
    assert (put.name, put.enabled) == ("M. Rossi", False)

    assert isinstance(accounts_reassign_create.sync(mario.id, client=client), Account)
    refreshed = accounts_refresh_create.sync_detailed(client=client)
    assert refreshed.status_code == HTTPStatus.ACCEPTED
    deleted = accounts_destroy.sync_detailed(mario.id, client=client)
    assert deleted.status_code == HTTPStatus.NO_CONTENT


def entries(client: AuthenticatedClient) -> None:
    """Make a tree, order it, change it, and take parts of it away."""
    house = _entry(client, "Montague", EntryType.GROUP)
    romeo = _entry(client, "Romeo", EntryType.CHANNEL, parent=house.id)
    nurse = _entry(client, "Nurse", EntryType.CHANNEL, visible_until=_tomorrow())
    assert (nurse.parent, nurse.visible_from) == (None, None)

    status = PatchedInfoRequest(status="banished")
    tag = buddies_retrieve.sync_detailed(romeo.id, client=client).headers["ETag"]
    for _ in range(2):
        banished = buddies_partial_update.sync_detailed(
            romeo.id,
            client=client,
            body=PatchedBuddyRequest(info=status),
            if_match=tag,
            idempotency_key="banish Romeo",
        )
        assert isinstance(banished.parsed, Buddy)
        assert banished.parsed.info.status == "banished"
        assert banished.parsed.info.name == "Romeo"
    stale = buddies_update.sync(
        romeo.id,
        client=client,
        body=BuddyRequest(info=InfoRequest(name="R.")),
        if_match=tag,
    )
    assert isinstance(stale, Problem)
    assert stale.code == "stale"

    first = MoveRequest(target=house.id, where=WhereEnum.FIRST)
    assert isinstance(
        buddies_move_create.sync(nurse.id, client=client, body=first), Buddy
    )
    inside = buddies_list.sync(client=client, parent=house.id)
    assert isinstance(inside, PaginatedBuddyList)
    order = sorted(inside.results, key=lambda one: one.position)
    assert [one.info.name for one in order] == ["Nurse", "Romeo"]

    copy = buddies_duplicate_create.sync(house.id, client=client)
    assert isinstance(copy, Buddy)
    hidden = buddies_hide_create.sync(nurse.id, client=client)
    assert isinstance(hidden, Buddy)
    assert not hidden.web_is_published
    gone = buddies_destroy.sync_detailed(copy.id, client=client)
    assert gone.status_code == HTTPStatus.NO_CONTENT


def _entry(
    client: AuthenticatedClient,
    name: str,
    kind: EntryType,
    parent: int | None = None,
    visible_until: datetime | None = None,
    campaign: int | Unset = UNSET,
) -> Buddy:
    body = BuddyRequest(
        info=InfoRequest(name=name),
        type_=kind,
        parent=parent,
        web_is_published=True,
        visible_until=visible_until,
    )
    made = buddies_create.sync(client=client, body=body, campaign=campaign)
    assert isinstance(made, Buddy)
    return made


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def campaigns(client: AuthenticatedClient) -> None:
    """Prepare two campaigns beside what is live; decide, publish and take back."""
    romeo = _entry(client, "Romeo", EntryType.CHANNEL)
    natale = _campaign(client, "Natale")
    assert (natale.due_at, natale.release, natale.changes) == (None, None, 0)
    house = _entry(client, "Natale", EntryType.GROUP, campaign=natale.id)
    assert house.id < 0
    moved = buddies_partial_update.sync(
        romeo.id,
        client=client,
        campaign=natale.id,
        body=PatchedBuddyRequest(
            parent=house.id, info=PatchedInfoRequest(status="red")
        ),
    )
    assert isinstance(moved, Buddy)
    assert (moved.parent, moved.key) == (house.id, romeo.key)

    body = PatchedBuddyRequest(info=PatchedInfoRequest(status="dead"))
    assert isinstance(
        buddies_partial_update.sync(romeo.id, client=client, body=body), Buddy
    )
    refused = _publish(client, natale.id)
    assert isinstance(refused, Problem)
    found = campaigns_conflicts_retrieve.sync(natale.id, client=client)
    assert isinstance(found, CampaignConflicts)
    (conflict,) = found.conflicts
    assert (conflict.kind, conflict.live) == (ConflictKind.FIELD, "dead")
    decision = DecisionRequest(conflict.kind, conflict.key, "own", conflict.detail)
    left = campaigns_conflicts_create.sync(natale.id, client=client, body=decision)
    assert left == CampaignConflicts([])

    changes = campaigns_changes_retrieve.sync(natale.id, client=client)
    assert isinstance(changes, CampaignChanges)
    (status,) = (one for one in changes.changes if one.field == "info.status")
    assert (status.was[-1], status.now) == ("dead", "red")
    document = campaigns_document_retrieve.sync_detailed(natale.id, client=client)
    planned = _publish(client, natale.id, publish_at=_tomorrow())
    assert isinstance(planned, CampaignDetail)
    assert isinstance(planned.due_at, datetime)
    listed = campaigns_list.sync(client=client, state=CampaignsListState.PLANNED)
    assert isinstance(listed, PaginatedCampaignList)
    assert [one.id for one in listed.results] == [natale.id]
    unplanned = campaigns_unplan_create.sync(natale.id, client=client)
    assert isinstance(unplanned, CampaignDetail)
    assert unplanned.due_at is None

    made = _publish(client, natale.id)
    assert isinstance(made, Release)
    published = releases_document_retrieve.sync_detailed(made.number, client=client)
    assert published.content == document.content
    opposite = campaigns_opposite_create.sync(natale.id, client=client)
    assert isinstance(opposite, CampaignDetail)
    _put_away(client, opposite.id)
    assert isinstance(campaigns_end_create.sync(natale.id, client=client), Release)
    again = campaigns_again_create.sync(natale.id, client=client)
    assert isinstance(again, CampaignDetail)
    assert again.name == "Natale"
    _put_away(client, again.id)


def _put_away(client: AuthenticatedClient, number: int) -> None:
    changed = campaigns_partial_update.sync(
        number, client=client, body=PatchedCampaignDetailRequest(note="not this year")
    )
    assert isinstance(changed, CampaignDetail)
    assert changed == campaigns_retrieve.sync(number, client=client)
    undone = campaigns_undo_create.sync(number, client=client)
    assert isinstance(undone, CampaignDetail)
    assert undone.changes == 0
    own = ApprovalRequest(undone.digest)
    refused = campaigns_approvals_create.sync(number, client=client, body=own)
    assert isinstance(refused, Problem)
    found = campaigns_approvals_retrieve.sync(number, client=client)
    assert found == CampaignApprovals(approvals=[], missing=0)
    discarded = campaigns_destroy.sync_detailed(number, client=client)
    assert discarded.status_code == HTTPStatus.NO_CONTENT


def _campaign(client: AuthenticatedClient, name: str) -> CampaignDetail:
    made = campaigns_create.sync(client=client, body=CampaignDetailRequest(name))
    assert isinstance(made, CampaignDetail)
    return made


def _publish(
    client: AuthenticatedClient, number: int, publish_at: datetime | None = None
) -> Release | CampaignDetail | Problem | None:
    campaign = campaigns_retrieve.sync(number, client=client)
    assert isinstance(campaign, CampaignDetail)
    body = PublicationRequest(campaign.digest, publish_at)
    return campaigns_publish_create.sync(number, client=client, body=body)


def releases(client: AuthenticatedClient) -> None:
    """Publish two campaigns; compare and read the releases, and go back."""
    numbers = []
    for name in ("Romeo", "Juliet"):
        campaign = _campaign(client, name)
        _entry(client, name, EntryType.CHANNEL, campaign=campaign.id)
        made = _publish(client, campaign.id)
        assert isinstance(made, Release)
        assert made.live_at is None
        numbers.append(made.number)
    old, new = numbers

    page = releases_list.sync(client=client, automatic=False)
    assert isinstance(page, PaginatedReleaseList)
    assert page.results[0] == releases_retrieve.sync(new, client=client)
    diff = releases_diff_retrieve.sync(new, client=client)
    assert isinstance(diff, Diff)
    assert (diff.old, diff.changes[0].kind.value) == (old, "added")

    named = PatchedReleaseRequest(name="Christmas", pinned=True)
    pinned = releases_partial_update.sync(old, client=client, body=named)
    assert isinstance(pinned, Release)
    assert (pinned.name, pinned.pinned) == ("Christmas", True)
    reach = releases_reach_retrieve.sync(old, client=client)
    assert isinstance(reach, Reach)
    assert reach.notified <= reach.subscribers

    restored = releases_restore_create.sync(old, client=client)
    assert isinstance(restored, CampaignDetail)
    assert restored.changes > 0
    again = releases_publish_create.sync(old, client=client)
    assert isinstance(again, Release)
    document = releases_document_retrieve.sync_detailed(again.number, client=client)
    live = document_retrieve.sync_detailed(client=client)
    assert document.content == live.content
    tree = tree_retrieve.sync(client=client)
    assert isinstance(tree, Tree)
    assert tree.live_release == again.number


def commands(client: AuthenticatedClient) -> None:
    """Read what clients sent, retry one, and look at delivery."""
    page = commands_list.sync(client=client)
    assert isinstance(page, PaginatedCommandList)
    (listed,) = page.results
    command = commands_retrieve.sync(listed.id, client=client)
    assert isinstance(command, WholeCommand)
    assert (command.status, command.error_code, command.done_at) == (None, None, None)
    retried = commands_retry_create.sync(listed.id, client=client)
    assert isinstance(retried, WholeCommand)
    assert retried.state.value == "received"

    assert isinstance(root_retrieve.sync(client=client), Api)
    delivery = delivery_retrieve.sync(client=client)
    assert isinstance(delivery, Delivery)
    assert delivery.commands.received == 1
