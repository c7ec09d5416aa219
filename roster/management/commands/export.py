import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.admin.models import LogEntry
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet

from roster import models
from roster.models import Account, AddressBookEntry, Flag, LateJoin, Subscriber
from xmppservice.protocol.jids import bare_jid


class Command(BaseCommand):
    help = (
        "Write everything stored about an owner, as JSON. Contacts are keyed digests, "
        "which cannot be turned back into numbers."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("jid", metavar="JID", help="the owner's bare JID")

    def handle(self, *args: Any, **options: Any) -> None:
        jid = bare_jid(options["jid"]) or options["jid"]
        account = Account.objects.filter(jid=jid).first()
        commands = models.Command.objects.filter(owner=jid)
        subscribed = Subscriber.objects.filter(jid=jid)
        if account is None and not commands.exists() and not subscribed.exists():
            raise CommandError(f"Nothing is stored about {jid}. Enter the bare JID.")
        stored = {
            "account": _rows(Account.objects.filter(jid=jid)),
            "contacts": _rows(AddressBookEntry.objects.filter(owner=account)),
            "flags": _rows(Flag.objects.filter(owner=account)),
            "lateJoins": _rows(LateJoin.objects.filter(owner=account)),
            "subscription": _rows(subscribed),
            "history": _rows(LogEntry.objects.filter(object_repr=jid[:200])),
            "commands": _rows(commands.order_by("pk")),
        }
        text = json.dumps(stored, cls=Encoder, ensure_ascii=False, indent=2)
        self.stdout.write(text)


def _rows(rows: QuerySet[Model]) -> list[dict[str, Any]]:
    return list(rows.values())


class Encoder(DjangoJSONEncoder):
    """Digests in hex."""

    def default(self, value: Any) -> Any:
        if isinstance(value, bytes | memoryview):
            return bytes(value).hex()
        return super().default(value)
