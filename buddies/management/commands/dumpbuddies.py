import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from buddies.document import build
from buddies.models import Buddy


class Command(BaseCommand):
    help = "Write the document that the tree would publish now, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--drafts",
            action="store_true",
            help="write the whole tree, with drafts, empty groups and schedules",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        buddies = Buddy.objects.all()
        if options["drafts"]:
            document = build.whole(buddies)
        else:
            document = build.published(buddies, timezone.now())
        self.stdout.write(json.dumps(document, ensure_ascii=False, indent=2))
