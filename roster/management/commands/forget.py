from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from roster.commands import retention
from roster.models import Account, Flag, Subscriber
from xmppservice.protocol.jids import bare_jid


class Command(BaseCommand):
    help = (
        "Erase an owner: account, address book, flags, subscription and commands. The "
        "XMPP server is not touched: a user who is still registered there becomes a "
        "new owner with their next command."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("jid", metavar="JID", help="the owner's bare JID")

    def handle(self, *args: Any, **options: Any) -> None:
        jid = bare_jid(options["jid"]) or options["jid"]
        with transaction.atomic():
            commands, deleted = _erase(jid)
            transaction.on_commit(retention.empty_log)
        if not commands and not deleted:
            raise CommandError(f"Nothing is stored about {jid}. Enter the bare JID.")
        contacts = deleted.get("roster.AddressBookEntry", 0)
        self.stdout.write(
            f"Erased: {deleted.get('roster.Account', 0)} account, "
            f"{contacts} contacts, {commands} commands. Backups still have them."
        )


def _erase(jid: str) -> tuple[int, dict[str, int]]:
    # The admin's history names accounts and flags by the JID.
    content_types = ContentType.objects.get_for_models(Account, Flag).values()
    LogEntry.objects.filter(
        content_type__in=content_types, object_repr=jid[:200]
    ).delete()
    deleted = Counter(Account.objects.filter(jid=jid).delete()[1])
    deleted.update(Subscriber.objects.filter(jid=jid).delete()[1])
    return retention.forget(jid), deleted
