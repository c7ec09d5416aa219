from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from roster.privacy import records


class Command(BaseCommand):
    help = (
        "Erase an owner: account, address book, flags, subscription, commands and "
        "stored responses of the API. The XMPP server is not touched: a user who is "
        "still registered there becomes a new owner with their next command."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        text = "the owner's bare JID, or phone number"
        parser.add_argument("jid", metavar="JID", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        jid = records.owner(options["jid"])
        deleted = records.erase(jid)
        if not deleted:
            raise CommandError(f"Nothing is stored about {jid}. Enter the bare JID.")
        self.stdout.write(
            f"Erased: {deleted['roster.Account']} account, "
            f"{deleted['roster.AddressBookEntry']} contacts, "
            f"{deleted['roster.Command']} commands. Backups still have them."
        )
