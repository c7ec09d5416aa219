"""The schemas of what clients send and receive, for tools and pages of any origin."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

FOLDER = Path(__file__).parent.parent / "schemas"
MEDIA_TYPES = {".json": "application/schema+json", ".rng": "application/xml"}
# A change needs a decision record and a new number, so a cache may keep them.
NAMES = tuple(
    sorted(path.name for path in FOLDER.iterdir() if path.suffix in MEDIA_TYPES)
)


@require_safe
def schema(request: HttpRequest, name: str) -> HttpResponse:
    """Return the schema ``name``, one of NAMES."""
    path = FOLDER / name
    response = HttpResponse(path.read_bytes(), content_type=MEDIA_TYPES[path.suffix])
    response.headers["Cache-Control"] = "public, max-age=86400"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
