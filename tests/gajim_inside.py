"""Gajim, with a hand inside it that does and reads what a user does and sees.

Debian's Python runs this file, because Gajim is a package of Debian. A line of the
input is an expression; a line of the output has its value, and its traceback if it
fails. Windows are named by their class, or by the beginning of their title.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from gajim import gajim, gtk  # noqa: F401  (chooses the version of GTK)
from gajim.common import app
from gi.repository import GLib, Gtk
from nbxmpp.const import ConnectionProtocol, ConnectionType

ACCOUNT = "test"
SETTINGS = {"use_plain_connection": True, "confirm_unencrypted_connection": False}
# A keyring, another server or a desktop's bar would make the tests depend on them.
APP_SETTINGS = {
    "use_keyring": False,
    "plugins_update_check": False,
    "show_trayicon": False,
}


# --- The account -----------------------------------------------------------------


def log_in(local: str, password: str, port: int) -> None:
    for name, value in APP_SETTINGS.items():
        app.settings.set(name, value)
    server = f"127.0.0.1:{port}", ConnectionProtocol.TCP, ConnectionType.PLAIN
    app.app.create_account(ACCOUNT, local, "localhost", password, None, server)
    for name, value in SETTINGS.items():
        app.settings.set_account_setting(ACCOUNT, name, value)
    app.app.enable_account(ACCOUNT)


def online() -> bool:
    return bool(app.account_is_available(ACCOUNT))


def client() -> Any:
    return app.get_client(ACCOUNT)


def subscribe(jid: str) -> None:
    presence = client().get_module("Presence")
    presence.subscribe(jid, msg="", groups=[], auto_auth=True)


def is_subscribed(jid: str) -> bool:
    contact = client().get_module("Contacts").get_contact(jid)
    return bool(contact.subscription == "to")


# --- Windows ---------------------------------------------------------------------


def window(name: str) -> Any:
    """Return the newest window of this class or title."""
    return [one for one in Gtk.Window.list_toplevels() if _is_named(one, name)][-1]


def _is_named(one: Any, name: str) -> bool:
    named = type(one).__name__ == name or (one.get_title() or "").startswith(name)
    return one.get_visible() and named


def is_open(name: str) -> bool:
    return any(_is_named(one, name) for one in Gtk.Window.list_toplevels())


def parts(name: str, kind: type) -> list[Any]:
    """Return the widgets of this kind that a window shows."""
    return [one for one in _inside(window(name)) if isinstance(one, kind)]


def _inside(widget: Any) -> Iterator[Any]:
    if widget.get_mapped():
        yield widget
        if isinstance(widget, Gtk.Container):
            for child in widget.get_children():
                yield from _inside(child)


def texts(name: str) -> list[str]:
    return [label.get_text() for label in parts(name, Gtk.Label)]


def buttons(name: str) -> list[str]:
    """Return the labels of the buttons that can be pressed."""
    active = (one for one in parts(name, Gtk.Button) if one.get_sensitive())
    return [label for one in active if (label := _label(one))]


def _label(button: Any) -> str:
    return (button.get_label() or "").replace("_", "")


def press(name: str, label: str) -> None:
    (button,) = (one for one in parts(name, Gtk.Button) if _label(one) == label)
    assert button.get_sensitive(), label
    button.clicked()


def enter(name: str, text: str) -> None:
    """Enter ``text`` into the only field of a window."""
    fields = [*parts(name, Gtk.Entry), *parts(name, Gtk.TextView)]
    (field,) = fields
    (field if isinstance(field, Gtk.Entry) else field.get_buffer()).set_text(text)


# --- Lists -----------------------------------------------------------------------


def rows(name: str) -> list[list[str | None]]:
    found: list[list[str | None]] = []
    (view,) = parts(name, Gtk.TreeView)
    view.get_model().foreach(lambda model, _, row: found.append([*model[row]]))
    return found


def select(name: str, text: str, *, activate: bool = False) -> None:
    """Select the row that contains ``text``, with a double click to activate it."""
    (view,) = parts(name, Gtk.TreeView)
    paths: list[Any] = []

    def look(model: Any, path: Any, row: Any) -> None:
        if any(text in (cell or "") for cell in model[row]):
            paths.append(path.copy())

    view.get_model().foreach(look)
    (path,) = paths
    view.get_selection().select_path(path)
    if activate:
        view.row_activated(path, view.get_column(0))


def open_discovery() -> None:
    action(f"{ACCOUNT}-services", GLib.Variant("s", ACCOUNT))


def action(name: str, parameter: Any) -> None:
    app.app.activate_action(name, parameter)


# --- Chats -----------------------------------------------------------------------


def open_new_chats(jid: str) -> None:
    """Open the window for new chats, with ``jid`` entered."""
    action("start-chat", GLib.Variant("as", [jid, ""]))


def new_chats() -> list[str]:
    return [str(one.jid) for one in parts("StartChatDialog", Gtk.ListBoxRow)]


def start_chat(jid: str) -> None:
    new = parts("StartChatDialog", Gtk.ListBoxRow)
    (row,) = (one for one in new if str(one.jid) == jid)
    row.activate()


def chat() -> str:
    """Return the JID of the open chat; empty without one."""
    contact = app.window.get_control()._contact
    return str(contact.jid) if contact else ""


def write(text: str) -> None:
    app.window.get_chat_stack().get_message_input().insert_text(text)
    app.window.activate_action("send-message", None)


def tooltips() -> list[str]:
    """Return the texts that the open chat shows below the mouse."""
    icons = parts("MainWindow", Gtk.Image)
    return [text for icon in icons if (text := icon.get_tooltip_text())]


# --- The hand --------------------------------------------------------------------


def _read(answers: Any) -> Callable[..., bool]:
    def read(*_: Any) -> bool:
        line = sys.stdin.readline()
        if not line:
            os._exit(0)  # the test has ended
        try:
            answer = eval(json.loads(line), globals()), ""
        except Exception:
            answer = None, traceback.format_exc()
        print(json.dumps(answer), file=answers, flush=True)
        return True

    return read


def main() -> None:
    # What Gajim prints goes to the log, and not into the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    GLib.io_add_watch(0, GLib.IO_IN, _read(answers))
    # Not its main(): root may not call it, and it shows tracebacks in a window.
    gajim._check_required_deps()
    gajim._set_env_vars()
    gajim._run_app()


if __name__ == "__main__":
    main()
