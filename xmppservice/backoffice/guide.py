"""The guide for staff inside the back office, in the reader's language.

The pages are those of the documentation, so that there is one text.
"""

import re
from functools import lru_cache
from pathlib import PurePosixPath

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.views.decorators.http import require_GET
from markdown import markdown

from xmppservice.backoffice import site

DOCS = settings.BASE_DIR / "docs"
FILES = {
    "guide": {"en": "guide/en.md", "it": "guide/it.md"},
    "how-to": {"en": "how-to/staff.md", "it": "how-to/staff-it.md"},
}
# Where a link in a file leads.
PAGES = {
    file: (page, code) for page, files in FILES.items() for code, file in files.items()
}
IMAGE = re.compile(r"[a-z0-9-]+\.png")
LINK = re.compile(r'<a href="([^"#]*)(#[^"]*)?">(.*?)</a>', re.DOTALL)
SOURCE = re.compile(r'src="\.\./images/([^"]*)"')


def urls(office: AdminSite) -> list[URLPattern]:
    return [
        path("", office.admin_view(guide), name="guide"),
        path("how-to/", office.admin_view(how_to), name="guide_how_to"),
        path("images/<name>", office.admin_view(image), name="guide_image"),
    ]


@require_GET
def guide(request: HttpRequest) -> HttpResponse:
    """Show the guide."""
    return _page(request, "guide")


@require_GET
def how_to(request: HttpRequest) -> HttpResponse:
    """Show the single tasks, step by step."""
    return _page(request, "how-to")


@require_GET
def image(request: HttpRequest, name: str) -> HttpResponse:
    """Send a picture of the guide."""
    file = DOCS / "images" / name
    if not IMAGE.fullmatch(name) or not file.is_file():
        raise Http404
    return HttpResponse(file.read_bytes(), content_type="image/png")


def _page(request: HttpRequest, name: str) -> HttpResponse:
    asked = request.GET.get("language") or get_language() or ""
    code = asked if asked in FILES[name] else "en"
    title, text = _read(FILES[name][code])
    context = {"text": text, "code": code, "is_guide": name == "guide"}
    return site.page(request, "admin/guide.html", title, context)


@lru_cache
def _read(file: str) -> tuple[str, SafeString]:
    """Return the title of a page, and the rest as HTML."""
    heading, _line, text = (DOCS / file).read_text("utf-8").partition("\n")
    html = markdown(text, extensions=["tables", "toc"])

    def link(match: re.Match[str]) -> str:
        address, place, words = match.groups("")
        if not address or ":" in address:
            return match[0]
        found = PAGES.get(_resolved(file, address))
        if found is None:
            return words  # a page for other people
        name, code = found
        view = "guide" if name == "guide" else "guide_how_to"
        return f'<a href="{reverse(view)}?language={code}{place}">{words}</a>'

    html = LINK.sub(link, html)
    images = reverse("guide_image", args=["x"]).removesuffix("x")
    html = SOURCE.sub(rf'loading="lazy" src="{images}\1"', html)
    return heading.removeprefix("# "), mark_safe(html)  # noqa: S308  (our own text)


def _resolved(file: str, address: str) -> str:
    """The file below docs to which a relative link in another one leads."""
    parts: list[str] = list(PurePosixPath(file).parent.parts)
    for part in PurePosixPath(address).parts:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts)
