import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from roster.privacy import records


class Command(BaseCommand):
    help = (
        "Write everything stored about an owner, as JSON. Contacts are keyed digests, "
        "which cannot be turned back into numbers."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        text = "the owner's bare JID, or phone number"
        parser.add_argument("jid", metavar="JID", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        jid = records.owner(options["jid"])
        stored = {
            kind: list(rows.values()) for kind, rows in records.stored(jid).items()
        }
        if not any(stored.values()):
            raise CommandError(f"Nothing is stored about {jid}. Enter the bare JID.")
        text = json.dumps(stored, cls=Encoder, ensure_ascii=False, indent=2)
        self.stdout.write(text)


class Encoder(DjangoJSONEncoder):
    """Digests in hex."""

    def default(self, value: Any) -> Any:
        if isinstance(value, bytes | memoryview):
            return bytes(value).hex()
        return super().default(value)
