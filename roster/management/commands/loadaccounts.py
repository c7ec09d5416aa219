from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from roster import msisdn
from roster.models import Account

BATCH = 1_000


class Command(BaseCommand):
    help = (
        "Load accounts from files, one JID or international phone number a line. "
        "All of them, or none when a line is bad. Accounts that exist stay as they are."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = [one for path in options["files"] for one in _accounts(path)]
        before = Account.objects.count()
        Account.objects.bulk_create(accounts, BATCH, ignore_conflicts=True)
        new = Account.objects.count() - before
        self.stdout.write(f"{len(accounts)} accounts read, {new} of them new.")


def _accounts(path: Path) -> Iterator[Account]:
    for number, line in enumerate(_lines(path), start=1):
        word = line.strip()
        if word and not word.startswith("#"):
            yield _account(word, f"{path}, line {number}")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}. Nothing was changed.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path}: not UTF-8. Nothing was changed.") from None


def _account(word: str, place: str) -> Account:
    phone = msisdn.parse(word)
    jid = msisdn.jid_of(phone, settings.XMPP_DOMAINS[0]) if phone else word
    if "@" not in jid:
        raise CommandError(
            f"{place}: neither a JID nor an international phone number. "
            "Nothing was changed."
        )
    account = Account(jid=jid)
    try:
        account.clean_fields()
        account.clean()
    except ValidationError as error:
        reason = error.messages[0]
        raise CommandError(f"{place}: {reason} Nothing was changed.") from None
    return account
