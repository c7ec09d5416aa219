"""Helpers for the tests of the admin's list."""

from django.test import Client

from buddies.models import Buddy
from tests.buddies.conftest import named

ENTRIES = "/admin/buddies/buddy/"
CHANNELS = f"{ENTRIES}channels/"
FLAGS = ("mobile_is_published", "web_is_published")


def form(**changed: object) -> dict[str, object]:
    """Return what a browser posts: every field, and each flag that is ticked."""
    empty = dict.fromkeys(
        (
            "parent",
            "address",
            "server_address",
            "status",
            "image_url",
            "thumb_url",
            "default_message",
        ),
        "",
    )
    return {"type": "channel", "name": "Romeo", **empty, **changed}


def shown_by(page) -> dict[str, object]:
    """Return the hidden fields of an entry's form: what the page shows."""
    shown = page.context["adminform"].form
    return {name: shown[name].value() for name in ("seen", "base")}


def change_url(buddy: Buddy) -> str:
    return f"{ENTRIES}{buddy.pk}/change/"


def listed(response) -> list[str]:
    """Return the listed entries, two spaces for each level."""
    entries = response.context["cl"].result_list
    return ["  " * entry.tree_depth + entry.name for entry in entries]


def messages(response) -> list[str]:
    """Return the messages on a page, with plain spaces."""
    texts = [str(message) for message in response.context["messages"]]
    return [text.replace("\xa0", " ") for text in texts]


def sent(page, **more: object) -> dict[str, object]:
    """Return what a browser posts of a list: rows with switches, and ``seen``."""
    formset = page.context["cl"].formset
    total = len(formset.forms)
    data: dict[str, object] = {"form-TOTAL_FORMS": total, "form-INITIAL_FORMS": total}
    for row in formset.forms:
        data[f"{row.prefix}-id"] = row.instance.pk
        on = [flag for flag in FLAGS if getattr(row.instance, flag)]
        data.update({f"{row.prefix}-{flag}": "on" for flag in on})
        shown = {f"initial-{row.prefix}-{flag}": str(flag in on) for flag in FLAGS}
        data.update(shown)
    return {**data, "seen": page.context["seen"], **more}


def row_prefix(page, name: str) -> str:
    """Return the form prefix of an entry's row in the list."""
    forms = page.context["cl"].formset.forms
    return next(row.prefix for row in forms if row.instance.name == name)


def cut(client: Client, *names: str) -> None:
    """Cut one entry with its button, several with the action."""
    page = client.get(ENTRIES)
    if len(names) == 1:
        key = named(names[0]).pk
        client.post(ENTRIES, sent(page, _cut=f"cut:{key}"))
    else:
        keys = [named(name).pk for name in names]
        chosen = {"action": "cut", "_selected_action": keys, "index": "0"}
        client.post(ENTRIES, sent(page, **chosen))


def paste(client: Client, where: str, target: str = ""):
    key = named(target).pk if target else ""
    page = client.get(ENTRIES)
    return client.post(ENTRIES, sent(page, _paste=f"{where}:{key}"), follow=True)


def act(client: Client, action: str, *buddies: str, **more: str):
    chosen = Buddy.objects.filter(name__in=buddies).values_list("pk", flat=True)
    fields = {"action": action, "_selected_action": list(chosen), **more}
    return client.post(ENTRIES, fields, follow=True)
