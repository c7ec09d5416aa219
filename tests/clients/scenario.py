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
from generated_client.api.commands import (
    commands_list,
    commands_retrieve,
    commands_retry_create,
)
from generated_client.api.delivery import delivery_retrieve
from generated_client.api.document import document_retrieve
from generated_client.api.plans import plans_destroy, plans_list, plans_retrieve
from generated_client.api.releases import (
    releases_create,
    releases_diff_retrieve,
    releases_document_retrieve,
    releases_list,
    releases_publish_create,
    releases_restore_create,
    releases_retrieve,
)
from generated_client.api.tree import (
    tree_hold_destroy,
    tree_hold_update,
    tree_retrieve,
    tree_review_retrieve,
)
from generated_client.models import (
    Account,
    AccountRequest,
    Api,
    Buddy,
    BuddyRequest,
    BulkRequest,
    Delivery,
    Diff,
    EntryType,
    InfoRequest,
    MoveRequest,
    PaginatedAccountList,
    PaginatedBuddyList,
    PaginatedCommandList,
    PaginatedPlanList,
    PaginatedReleaseList,
    PatchedAccountRequest,
    PatchedBuddyRequest,
    PatchedInfoRequest,
    Plan,
    Problem,
    PublishRequest,
    Release,
    Review,
    RowRequest,
    Stored,
    Tree,
    WhereEnum,
    WholeCommand,
)

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
) -> Buddy:
    body = BuddyRequest(
        info=InfoRequest(name=name),
        type_=kind,
        parent=parent,
        web_is_published=True,
        visible_until=visible_until,
    )
    made = buddies_create.sync(client=client, body=body)
    assert isinstance(made, Buddy)
    return made


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def releases(client: AuthenticatedClient) -> None:
    """Hold the tree, review it, publish it now and later, go back."""
    _entry(client, "Romeo", EntryType.CHANNEL)
    held = tree_hold_update.sync(client=client)
    assert isinstance(held, Tree)
    assert (held.live_release, isinstance(held.held_since, datetime)) == (None, True)

    now = releases_create.sync(client=client, body=PublishRequest(_digest(client)))
    assert isinstance(now, Release)
    assert now.live_at is None
    assert releases_retrieve.sync(now.number, client=client) == now
    page = releases_list.sync(client=client, automatic=False)
    assert isinstance(page, PaginatedReleaseList)
    assert page.results == [now]
    diff = releases_diff_retrieve.sync(now.number, client=client)
    assert isinstance(diff, Diff)
    assert (diff.old, diff.changes[0].kind.value) == (None, "added")

    _entry(client, "Juliet", EntryType.CHANNEL)
    body = PublishRequest(_digest(client), publish_at=_tomorrow(), note="Later")
    plan = releases_create.sync(client=client, body=body)
    assert isinstance(plan, Plan)
    assert plans_retrieve.sync(plan.id, client=client) == plan
    plans = plans_list.sync(client=client)
    assert isinstance(plans, PaginatedPlanList)
    assert plans.results == [plan]
    cancelled = plans_destroy.sync_detailed(plan.id, client=client)
    assert cancelled.status_code == HTTPStatus.NO_CONTENT

    newer = releases_create.sync(client=client, body=PublishRequest(_digest(client)))
    assert isinstance(newer, Release)
    again = releases_publish_create.sync(now.number, client=client)
    assert isinstance(again, Release)
    restored = releases_restore_create.sync_detailed(now.number, client=client)
    assert restored.status_code == HTTPStatus.NO_CONTENT
    document = releases_document_retrieve.sync_detailed(again.number, client=client)
    live = document_retrieve.sync_detailed(client=client)
    assert document.content == live.content

    assert isinstance(tree_hold_destroy.sync(client=client), Tree)
    tree = tree_retrieve.sync(client=client)
    assert isinstance(tree, Tree)
    assert tree.held_since is None


def _digest(client: AuthenticatedClient) -> str:
    review = tree_review_retrieve.sync(client=client)
    assert isinstance(review, Review)
    assert review.errors == []
    return review.digest


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
