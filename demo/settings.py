"""The demo's settings from the environment, and its users."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _port(name: str, default: int) -> int:
    word = os.environ.get(name) or str(default)
    if word.isascii() and word.isdigit() and 0 < int(word) < 65536:
        return int(word)
    sys.exit(f"{name} must be a port number, not {word!r}.")


HTTP_PORT = _port("HTTP_PORT", 8000)
XMPP_C2S_PORT = _port("XMPP_C2S_PORT", 15222)
XMPP_COMPONENT_PORT = _port("XMPP_COMPONENT_PORT", 15347)
XMPP_HTTP_PORT = _port("XMPP_HTTP_PORT", 15280)
VAR_DIR = Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()
ADMIN_PASSWORD = os.environ.get("ADMIN_PASSWORD", "")

DOMAIN = "localhost"
SERVICE = "xmpp-service.localhost"
PASSWORD = "demo"  # noqa: S105  (of a demo on loopback)
PEOPLE = {
    "00393471111111": "Mario Rossi",
    "00393472222222": "Luca Rossi",
    "00393296260815": "",
    "00393333333333": "",
}

PAYLOADS = ROOT / "tests" / "payloads"
DOCUMENTS = [
    PAYLOADS / f"{name}.json" for name in ("mobile-ticketing", "single-channel", "bots")
]

ADMIN_PASSWORD_FILE = VAR_DIR / "admin-password"
API_TOKEN_FILE = VAR_DIR / "api-token"


def keep(path: Path, secret: str) -> None:
    """Write ``secret`` atomically to a file that only its owner can read."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(secret)
    draft.replace(path)
