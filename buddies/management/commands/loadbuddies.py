from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from buddies.document import parse
from buddies.document.shape import DocumentError, Node
from buddies.tree import whole_tree


class Command(BaseCommand):
    help = "Load documents into the tree. If one of them is invalid, nothing is loaded."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--replace", action="store_true", help="delete all entries first"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            documents = [(str(path), _nodes(path)) for path in options["files"]]
            count = whole_tree.load(documents, "command line", options["replace"])
        except DocumentError as error:
            raise CommandError(f"{error}. Nothing was changed.") from None
        self.stdout.write(f"Loaded {count} entries.")


def _nodes(path: Path) -> list[Node]:
    try:
        return parse.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DocumentError(str(path), reason) from None
    except UnicodeDecodeError as error:
        place = f"{path}: byte {error.start}"
        raise DocumentError(place, "not UTF-8") from None
    except DocumentError as error:
        place = f"{path}: {error.path}" if error.path else str(path)
        raise DocumentError(place, error.reason) from None
