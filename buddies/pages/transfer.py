"""Import & export: the tree as a table, and the document itself.

Users review an import before it runs. Until then the upload is stored in a session
of its own, whose key no browser has: any process finds it in the database, for this
user alone, and it expires.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from buddies.campaigns import log
from buddies.campaigns.desk import CampaignDesk, LiveDesk
from buddies.campaigns.rows import CHANGED, ENTRY
from buddies.document import parse
from buddies.document.shape import DocumentError
from buddies.models import Buddy, Campaign, DifferenceLog, Tree
from buddies.pages.campaign_words import choices
from buddies.pages.desks import at_a_desk, may_edit, query, workspace_address
from buddies.pages.imports import PREVIEWS, RUNNERS
from buddies.pages.permissions import allowed
from buddies.pages.status import draft_at
from buddies.pages.workspace import MAX_CHANGES
from buddies.publishing import releases
from buddies.publishing.draft import refusal_in_words
from buddies.spreadsheet import files
from buddies.spreadsheet.cells import COLUMNS
from buddies.spreadsheet.files import FORMATS
from buddies.spreadsheet.source import FileError
from buddies.spreadsheet.xlsx import MAX_BYTES
from buddies.tree import history
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site

STORED_KEY = "buddies.transfer"  # in the session: the key of the session with the file
STORED_SECONDS = 1800
MAX_PROBLEMS = 100  # on one screen
MAX_ITEMS = 20_000  # of a document

Desk = LiveDesk | CampaignDesk


def urls(office: AdminSite) -> list[URLPattern]:
    """Addresses below the admin of the entries."""
    return [
        path("transfer/", office.admin_view(page), name="buddies_transfer"),
        path(
            "transfer/export/<str:kind>/",
            office.admin_view(download_table),
            name="buddies_transfer_export",
        ),
        path(
            "transfer/document/",
            office.admin_view(download_document),
            name="buddies_transfer_document",
        ),
        path(
            "transfer/preview/",
            office.admin_view(preview),
            name="buddies_transfer_preview",
        ),
        path(
            "transfer/confirm/",
            office.admin_view(confirm),
            name="buddies_transfer_confirm",
        ),
    ]


# --- Export ---------------------------------------------------------------------


@allowed("view_buddy")
@require_GET
@at_a_desk
def download_table(request: HttpRequest, desk: Desk, kind: str) -> HttpResponse:
    """Download all entries as a file of a kind."""
    if kind not in FORMATS:
        raise Http404
    try:
        return _table(kind, among=desk.buddies())
    except FileError as error:
        messages.error(request, str(error))
        return _to_transfer(desk)


def _to_transfer(desk: Desk) -> HttpResponse:
    return HttpResponseRedirect(_address(desk))


def _address(desk: Desk) -> str:
    return reverse("admin:buddies_transfer") + query(desk.campaign)


def _table(
    kind: str,
    buddies: QuerySet[Buddy] | None = None,
    among: list[Buddy] | None = None,
) -> HttpResponse:
    content = files.export(kind, buddies, among)
    return _file(f"channels.{kind}", content, FORMATS[kind].content_type)


def _file(stem: str, content: bytes, content_type: str) -> HttpResponse:
    name, _dot, ending = stem.rpartition(".")
    day = timezone.localdate().isoformat()
    headers = {"Content-Disposition": f'attachment; filename="{name}-{day}.{ending}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)


@admin.action(
    description=gettext_lazy("Export as a spreadsheet (XLSX)"), permissions=["view"]
)
def export(
    model_admin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Buddy]
) -> HttpResponse | None:
    """Export the chosen entries as a file: an action of the list."""
    try:
        return _table("xlsx", queryset)
    except FileError as error:
        model_admin.message_user(request, str(error), messages.ERROR)
        return None


@allowed("view_buddy")
@require_GET
@at_a_desk
def download_document(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Download the document that the tree would publish now, byte for byte."""
    draft = draft_at(desk)
    if not draft.body:
        messages.error(request, refusal_in_words(draft.refused, draft.size))
        return _to_transfer(desk)
    return _file("document.json", draft.body.encode(), "application/json")


# --- Import: the upload ---------------------------------------------------------


class Upload(forms.Form):
    """An upload to import: ``content`` is what is stored of it, once it was read."""

    read: Callable[[bytes], str]

    file = forms.FileField(label=gettext_lazy("File"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        content = self._content(cleaned)
        try:
            return {**cleaned, "content": self.read(content)}
        except (FileError, DocumentError) as error:
            raise ValidationError(str(error)) from None

    def _content(self, cleaned: dict[str, Any]) -> bytes:
        file = cleaned.get("file")
        if file is None:
            raise ValidationError(_("Choose a file."))
        if file.size > MAX_BYTES:
            params = {
                "size": filesizeformat(file.size),
                "most": filesizeformat(MAX_BYTES),
            }
            text = _("The file is %(size)s; the limit is %(most)s.")
            raise ValidationError(text % params)
        content: bytes = file.read()
        return content


class TableUpload(Upload):
    """A table: its rows are stored, because reading a spreadsheet takes long."""

    @staticmethod
    def read(content: bytes) -> str:
        return files.dumps(files.read(content))


class DocumentUpload(Upload):
    """A document, as a file or as text, which is stored: it is fast to read again."""

    text = forms.CharField(
        label=gettext_lazy("or paste its text"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 5, "spellcheck": "false"}),
    )

    def _content(self, cleaned: dict[str, Any]) -> bytes:
        if cleaned.get("file") is None and cleaned.get("text", "").strip():
            text: str = cleaned["text"]
            return text.encode()
        return super()._content(cleaned)

    @staticmethod
    def read(content: bytes) -> str:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            reason = _("The file could not be read: it is not UTF-8 text.")
            raise FileError(reason) from None
        if len(parse.loads(text)) > MAX_ITEMS:
            reason = _("The document has more than %(most)s channels and groups.")
            raise FileError(reason % {"most": MAX_ITEMS})
        return text


UPLOADS: dict[str, type[Upload]] = {"table": TableUpload, "document": DocumentUpload}


@allowed("view_buddy")
@at_a_desk
def page(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Show the exports, and the forms for imports."""
    kind = request.POST.get("what", "")
    uploads = {name: form(prefix=name) for name, form in UPLOADS.items()}
    if request.method == "POST" and kind in UPLOADS:
        _refuse_reader(request, desk)
        form = UPLOADS[kind](request.POST, request.FILES, prefix=kind)
        if form.is_valid():
            _store(request, kind, form.cleaned_data["content"])
            return _to_preview(desk)
        uploads[kind] = form
    context = {
        **uploads,
        "kinds": list(FORMATS),
        "columns": COLUMNS,
        "may_import": may_import(request, desk),
        "campaign": desk.campaign,
        "query": query(desk.campaign),
        "desks": choices(desk.campaign, reverse("admin:buddies_transfer")),
        "most": filesizeformat(MAX_BYTES),
        "zone": timezone.get_current_timezone_name(),
    }
    return site.page(
        request, "admin/buddies/transfer.html", _("Import & export"), context
    )


def may_import(request: HttpRequest, desk: Desk) -> bool:
    return all(
        may_edit(request.user, desk, permission)
        for permission in ("add_buddy", "change_buddy")
    )


def _refuse_reader(request: HttpRequest, desk: Desk) -> None:
    if not may_import(request, desk):
        raise PermissionDenied


def _to_preview(desk: Desk) -> HttpResponse:
    address = reverse("admin:buddies_transfer_preview")
    return HttpResponseRedirect(address + query(desk.campaign))


# --- Import: the stored upload --------------------------------------------------


def _store(request: HttpRequest, kind: str, content: str) -> None:
    """Store an upload, and forget the previous one."""
    _forget(request)
    session = type(request.session)()
    session.clear_expired()
    session.set_expiry(STORED_SECONDS)
    session["what"] = kind
    session["content"] = b64encode(zlib.compress(content.encode())).decode()
    session.create()
    request.session[STORED_KEY] = session.session_key


def _stored(request: HttpRequest) -> tuple[str, str] | None:
    """Return what was stored, and its content; None if it has expired."""
    session = type(request.session)(request.session.get(STORED_KEY))
    if "content" not in session:
        return None
    return session["what"], zlib.decompress(b64decode(session["content"])).decode()


def _name(kind: str, content: str) -> str:
    """Return a name for a stored upload: anything else has another name."""
    return sha256(f"{kind} {content}".encode()).hexdigest()


def _forget(request: HttpRequest) -> None:
    if key := request.session.pop(STORED_KEY, None):
        type(request.session)(key).delete()


# --- Import: preview and confirmation --------------------------------------------


@allowed("view_buddy")
@require_GET
@at_a_desk
def preview(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Show what an import would do, and a button to do it."""
    _refuse_reader(request, desk)
    stored = _stored(request)
    if stored is None:
        return _expired(request, desk)
    kind, content = stored
    result = PREVIEWS[kind](content, desk)
    return site.page(
        request,
        "admin/buddies/transfer_preview.html",
        _("Review the import"),
        {
            "preview": result,
            "content": _name(kind, content),
            "problems": result.problems[:MAX_PROBLEMS],
            "warnings": result.warnings[:MAX_PROBLEMS],
            "outcomes": result.outcomes[:MAX_CHANGES],
            "shown": result.changes[:MAX_CHANGES],
            "campaign": desk.campaign,
            "query": query(desk.campaign),
            "desks": choices(desk.campaign, reverse("admin:buddies_transfer_preview")),
        },
        above=[site.Crumb(_("Import & export"), _address(desk))],
    )


def _expired(request: HttpRequest, desk: Desk) -> HttpResponse:
    text = _(
        "This file was imported already, or it has expired. To import it now, choose "
        "it again."
    )
    messages.error(request, text)
    return _to_transfer(desk)


@allowed("view_buddy")
@require_POST
@at_a_desk
def confirm(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Do what the preview showed, or show another one if it is outdated."""
    _refuse_reader(request, desk)
    try:
        with transaction.atomic():
            # A second click waits here until the first one has imported the file.
            Tree.locked()
            return _import_stored(request, desk)
    except (TreeError, FileError, DocumentError) as error:
        messages.error(request, str(error))
        return _to_preview(desk)


def _import_stored(request: HttpRequest, desk: Desk) -> HttpResponse:
    stored = _stored(request)
    if stored is None:
        return _expired(request, desk)
    kind, content = stored
    if request.POST.get("content") != _name(kind, content):
        text = _("This is not the file you reviewed. Review it before importing.")
        messages.error(request, text)
        return _to_preview(desk)
    _run(request, desk, kind, content)
    _refuse_known_addresses(request, desk)
    _forget(request)
    messages.success(request, _("Imported. Use “Undo” to revert it."))
    return HttpResponseRedirect(workspace_address(desk.campaign))


def _run(request: HttpRequest, desk: Desk, kind: str, content: str) -> None:
    seen, digest = request.POST.get("seen", ""), request.POST.get("digest", "")
    editor = request.user.get_username()
    version = int(seen) if seen.isdecimal() else 0
    RUNNERS[kind](content, desk, editor, version, digest)


def _refuse_known_addresses(request: HttpRequest, desk: Desk) -> None:
    """Refuse a new server address where the form locks it; addresses never change."""
    if request.user.has_perm("buddies.change_address"):
        return
    if isinstance(desk, CampaignDesk):
        campaign = Campaign.objects.get(pk=desk.campaign.pk)
        editor = request.user.get_username()
        for one in log.of(campaign, campaign.version, editor):
            if one.about == ENTRY and _sets_server_address(one):
                live = Buddy.objects.filter(key=one.key).first()
                if live and releases.has_shown(live):
                    raise TreeError(_kept_address(live.name))
        return
    row = Tree.objects.get()
    records = history.of(row.version, request.user.get_username())
    before = history.before(records) if records else {}
    for record in records:
        old = before.get(record.id, record)
        is_other = old.server_address != record.server_address
        if is_other and history.was_shown(old.id, old.address, row.built):
            raise TreeError(_kept_address(record.name))


def _sets_server_address(one: DifferenceLog) -> bool:
    """Whether an edit of a campaign gave an entry another server address than live."""
    after, name = one.after or {"kind": "", "fields": {}}, "server_address"
    is_changed = name in log.changed(one.before, one.after)
    return is_changed and after["kind"] == CHANGED and name in after["fields"]


def _kept_address(name: str) -> str:
    text = _(
        "Apps already use the server address of “%(name)s”, so it was not changed."
    )
    return text % {"name": name}
