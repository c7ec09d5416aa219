from argparse import ArgumentParser
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management.base import BaseCommand, CommandError

from roster import ledger
from roster.models import Account


class Command(BaseCommand):
    help = (
        "Erase an owner: account, address book, flags and commands. The XMPP server "
        "is not touched: whoever is still registered there is a new owner next time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("jid", metavar="JID", help="the owner's bare JID")

    def handle(self, *args: Any, **options: Any) -> None:
        jid = options["jid"]
        accounts = Account.objects.filter(jid=jid)
        commands = ledger.forget(jid)
        _clear_history(accounts.values_list("pk", flat=True))
        _, deleted = accounts.delete()
        if not commands and not deleted:
            raise CommandError(f"Nothing is stored of {jid}. Is it the bare JID?")
        ledger.empty_log()
        contacts = deleted.get("roster.AddressBookEntry", 0)
        self.stdout.write(
            f"Erased: {deleted.get('roster.Account', 0)} account, "
            f"{contacts} contacts, {commands} commands. Backups still have them."
        )


def _clear_history(accounts: Any) -> None:
    """The admin's history names an account by its JID."""
    ours = ContentType.objects.get_for_model(Account)
    keys = [str(pk) for pk in accounts]
    LogEntry.objects.filter(content_type=ours, object_id__in=keys).delete()
