"""What is stored about an owner: the one list for export and erasure."""

import json
from collections import Counter
from functools import reduce
from operator import or_

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from roster import msisdn
from roster.commands.lock import exclusive
from roster.commands.retention import empty_log
from roster.models import (
    Account,
    AddressBookEntry,
    Claim,
    Command,
    Flag,
    LateJoin,
    Subscriber,
)
from xmppservice.api.models import IdempotentRequest
from xmppservice.protocol.jids import bare_jid


def owner(text: str) -> str:
    """The JID of an owner that an operator has typed, a JID or a phone number."""
    if number := msisdn.parse(text):
        return msisdn.jid_of(number, settings.XMPP_DOMAINS[0])
    return bare_jid(text) or text


def stored(jid: str) -> dict[str, QuerySet[Model]]:
    """Everything stored about an owner, by kind.

    What others have sent about them is the others' own: commands, which are kept for
    PAYLOAD_DAYS, and keyed digests in address books.
    """
    account = Account.objects.filter(jid=jid)
    return {
        "account": account,
        "contacts": AddressBookEntry.objects.filter(owner__in=account),
        "flags": Flag.objects.filter(owner__in=account),
        "lateJoins": LateJoin.objects.filter(owner__in=account),
        "subscription": Subscriber.objects.filter(jid=jid),
        "history": _history(jid),
        "commands": Command.objects.filter(owner=jid).order_by("pk"),
        "claims": Claim.objects.filter(owner=jid),
        "apiResponses": _responses(jid),
    }


def _history(jid: str) -> QuerySet[Model]:
    # The admin's history names accounts and flags by the JID.
    types = ContentType.objects.get_for_models(Account, Flag).values()
    return LogEntry.objects.filter(content_type__in=types, object_repr=jid[:200])


def _responses(jid: str) -> QuerySet[Model]:
    """Responses kept for repeated requests to the API that name the account."""
    values = filter(None, (jid, msisdn.of_account(jid)))
    quoted = (json.dumps(value, ensure_ascii=False) for value in values)
    matches = (Q(body__contains=value) for value in quoted)
    return IdempotentRequest.objects.filter(reduce(or_, matches))


def erase(jid: str) -> Counter[str]:
    """Delete everything stored about an owner; return how many rows of each model."""
    deleted: Counter[str] = Counter()
    with transaction.atomic(), exclusive():
        for rows in reversed(stored(jid).values()):
            deleted.update(rows.order_by().delete()[1])
        transaction.on_commit(empty_log)
    return deleted
