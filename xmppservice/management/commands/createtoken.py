from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from xmppservice.api import tokens
from xmppservice.api.models import SCOPES


class Command(BaseCommand):
    help = (
        "Create an API token and print it: it cannot be shown again. It has its user's "
        "permissions, limited by its scopes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "user", metavar="USER", help="the user whose permissions it has"
        )
        parser.add_argument(
            "name", metavar="NAME", help="the person or program that uses it"
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=SCOPES,
            help="a part of the API that it can use; repeat for several (default: all)",
        )
        parser.add_argument(
            "--days", type=int, default=365, help="days until it expires (default: 365)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()
        user = users.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}.")
        if not 0 < options["days"] <= 36_500:
            raise CommandError("--days must be 1 to 36500.")
        until = timezone.now() + timedelta(days=options["days"])
        scopes = options["scope"] or SCOPES
        _, secret = tokens.make(user, options["name"][:100], scopes, until)
        self.stdout.write(secret)
