"""What the import of a table or of a document would do, and does."""

from collections.abc import Callable
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.document import diff, parse
from buddies.document.diff import DocumentChange
from buddies.document.shape import DocumentError
from buddies.models import Tree
from buddies.publishing.draft import current_draft
from buddies.spreadsheet import files
from buddies.spreadsheet.plan import Outcome, Plan, plan_import, run_import
from buddies.spreadsheet.problems import in_sentences
from buddies.tree import whole_tree
from buddies.tree.lock import Stale


class Preview(NamedTuple):
    """What an import would do, for a page.

    ``seen`` and ``digest`` identify what was reviewed.
    """

    kind: str
    seen: int
    digest: str
    summary: str
    has_changes: bool
    problems: list[str]
    outcomes: list[Outcome]
    changes: list[DocumentChange]
    warnings: list[str] = []
    notes: list[str] = []


def _preview_table(content: str, editor: str) -> Preview:
    read = files.loads(content)
    plan = plan_import(read.rows)
    return Preview(
        "table",
        plan.version,
        plan.digest,
        _summary(plan),
        plan.has_changes,
        in_sentences(plan.problems),
        [outcome for outcome in plan.outcomes if outcome.kind != "same"],
        [],
        in_sentences(plan.warnings),
        read.source.in_words() + plan.notes,
    )


def _summary(plan: Plan) -> str:
    added, edited, same = (len(plan.of_kind(k)) for k in ("added", "edited", "same"))
    parts = (
        (ngettext("%(n)s added", "%(n)s added", added), added),
        (ngettext("%(n)s edited", "%(n)s edited", edited), edited),
        (ngettext("%(n)s unchanged", "%(n)s unchanged", same), same),
    )
    return " · ".join(text % {"n": number} for text, number in parts)


def _preview_document(content: str, editor: str) -> Preview:
    """Preview a document: import it, and roll back at once."""
    # Meanwhile the tree is locked, and all editors wait: seconds for MAX_ITEMS,
    # at each view of the page. Avoiding that would need a comparison without a
    # rebuilt tree.
    with transaction.atomic():
        before = after = current_draft()
        problems = []
        try:
            with transaction.atomic():
                whole_tree.rebuild(_("document"), parse.loads(content), editor)
                after = current_draft()
        except DocumentError as error:
            problems.append(str(error))
        transaction.set_rollback(True)
    changes = diff.between(before.document, after.document)
    text = ngettext("%(n)s change for apps", "%(n)s changes for apps", len(changes))
    return Preview(
        "document",
        before.version,
        "",
        text % {"n": len(changes)},
        before.version != after.version,
        problems,
        [],
        changes,
    )


PREVIEWS: dict[str, Callable[[str, str], Preview]] = {
    "table": _preview_table,
    "document": _preview_document,
}


def _import_table(content: str, editor: str, seen: int, digest: str) -> None:
    run_import(files.loads(content).rows, editor, seen, digest)


def _import_document(content: str, editor: str, seen: int, digest: str) -> None:
    with transaction.atomic():
        # A document sets the whole tree, so nothing may have changed since.
        if Tree.locked().version != seen:
            text = _(
                "Someone changed the channels in the meantime. Review the "
                "changes again."
            )
            raise Stale(text)
        whole_tree.rebuild(_("document"), parse.loads(content), editor)


RUNNERS: dict[str, Callable[[str, str, int, str], None]] = {
    "table": _import_table,
    "document": _import_document,
}
