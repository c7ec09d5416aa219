import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from buddies import document
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
        build = document.build_all if options["drafts"] else document.build
        self.stdout.write(
            json.dumps(build(Buddy.objects.all()), ensure_ascii=False, indent=2)
        )
