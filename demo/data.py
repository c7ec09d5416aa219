"""Create the tables, the demo's tree, and the admin with an API token.

`python -m demo.data`, with the environment of `manage.py serve`. Running it again
changes nothing.
"""

import os
import secrets

import django
from django.core.management import call_command

from demo import settings


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    load_tree()
    make_admin()


def load_tree() -> None:
    """Load the contract's examples, unless there already are entries."""
    from buddies.models import Buddy  # there are no models before django.setup()

    if not Buddy.objects.exists():
        paths = [str(path) for path in settings.DOCUMENTS]
        call_command("loadbuddies", *paths, verbosity=0)


def make_admin() -> None:
    """Create the superuser ``admin`` once; set ADMIN_PASSWORD every time."""
    from django.contrib.auth import get_user_model

    from xmppservice.api import tokens
    from xmppservice.api.models import SCOPES

    admin, is_new = get_user_model().objects.get_or_create(
        username="admin", defaults={"is_staff": True, "is_superuser": True}
    )
    if is_new or settings.ADMIN_PASSWORD:
        admin.set_password(_password())
        admin.save()
    file = settings.API_TOKEN_FILE
    if not file.exists() or tokens.find(file.read_text().strip()) is None:
        _, secret = tokens.make(admin, "demo", SCOPES, None)
        settings.keep(file, secret)


def _password() -> str:
    """Return ADMIN_PASSWORD, or a new password, which is stored in a file."""
    if settings.ADMIN_PASSWORD:
        settings.ADMIN_PASSWORD_FILE.unlink(missing_ok=True)
        return settings.ADMIN_PASSWORD
    password = secrets.token_urlsafe(12)
    settings.keep(settings.ADMIN_PASSWORD_FILE, password)
    return password


if __name__ == "__main__":
    main()
