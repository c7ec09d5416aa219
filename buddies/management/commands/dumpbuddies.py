import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from buddies.document import build
from buddies.models import Buddy


class Command(BaseCommand):
    help = "Write the document of the tree as it stands, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--drafts",
            action="store_true",
            help="the whole tree: drafts and empty groups too",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        buddies = Buddy.objects.all()
        if options["drafts"]:
            written = build.whole(buddies)
        else:
            written = build.published(buddies, timezone.now())
        self.stdout.write(json.dumps(written, ensure_ascii=False, indent=2))
