"""The texts of the pages' scripts."""

from django.utils.translation import gettext as _

from buddies.models import Campaign
from buddies.tree import finding


def workspace_words(campaign: Campaign | None = None) -> dict[str, str]:
    """Return the texts of the workspace's script."""
    none = _("No changes: everything you see is live.")
    if campaign:
        none = _("No changes yet. What you edit here is not live.")
    return {
        "name": _("Name"),
        "status": _("Status text"),
        "mobile": _("Mobile"),
        "web": _("Web"),
        "actions": _("Actions"),
        "edit": _("Edit"),
        "rename": _("Rename"),
        "allSettings": _("All settings"),
        "addChannel": _("Add a channel inside"),
        "addGroup": _("Add a group inside"),
        "moveTo": _("Move to …"),
        "duplicate": _("Duplicate with contents"),
        "hide": _("Hide everywhere"),
        **_selection_words(),
        **_row_words(),
        "link": _("Link and QR code"),
        "linkTitle": _("Link and QR code of “%s”"),
        "linkField": _("Link for XMPP apps"),
        "pageField": _("Public page"),
        "copy": _("Copy"),
        "copied": _("Copied"),
        "qrCode": _("QR code of the link"),
        "qrHint": _("SVG stays sharp at any size. PNG is large enough to print."),
        "download": _("Download %s"),
        "close": _("Close"),
        "history": _("History"),
        "delete": _("Delete …"),
        "undo": _("Undo"),
        "cancel": _("Cancel"),
        "channel": _("Channel"),
        "group": _("Group"),
        "top": _("Top level"),
        "tree": _("Groups and channels"),
        "noMatch": _("Nothing found"),
        "oneFound": _("1 found"),
        "found": _("%s found"),
        "none": none,
        **_panel_words(),
        "takeBack": _("Take back this change"),
        "doLive": _("Do this live now"),
        "isLive": _("already live"),
        "more": _("… %s in total"),
        "offline": _("The service is not responding. Retrying …"),
        "deleteTitle": _("Delete “%s”?"),
        "deleteMany": _("Delete %s items?"),
        "moveTitle": _("Move “%s” to"),
        "moveMany": _("Move %s items to"),
        "gone": _("Someone deleted this in the meantime."),
        "reloaded": _("This is the current state."),
        "loggedOut": _("You have been logged out. Reload the page."),
        "loggedOutShort": _("You have been logged out"),
        "logIn": _("Log in again"),
        **preview_words(),
    }


def kinds(campaign: Campaign | None) -> list[tuple[str, str]]:
    """Return what the search can show only: each kind, and its label."""
    changed = _("Changed here") if campaign else _("Changed in 24 hours")
    return [
        ("drafts", _("Drafts")),
        ("web_only", _("Web only")),
        ("scheduled", _("Scheduled")),
        (finding.WARNINGS, _("With warnings")),
        ("no_picture", _("Without picture")),
        (finding.CHANGED, changed),
    ]


def _selection_words() -> dict[str, str]:
    """Return the texts of what is done with one row or many."""
    return {
        "select": _("Select"),
        "deselect": _("Deselect"),
        "oneSelected": _("1 selected"),
        "selected": _("%s selected"),
        "oneInside": _("Also the 1 inside"),
        "moreInside": _("Also the %s inside"),
        "everywhere": _("Mobile and web"),
        "schedule": _("Schedule …"),
        "scheduleTitle": _("When apps show “%s”"),
        "scheduleMany": _("When apps show %s items"),
        "scheduleHint": _(
            "Hidden before and after, with everything inside. Time zone: %s."
        ),
        "scheduleDiffers": _("Their dates differ. What you leave blank stays."),
        "from": _("Visible from"),
        "until": _("Visible until"),
        "always": _("Always visible"),
        "save": _("Save"),
    }


def _row_words() -> dict[str, str]:
    """Return what a row says of its entry."""
    return {
        "shownInside": _("%(shown)s of %(count)s shown"),
        "inHidden": _("its group is hidden"),
        "waiting": _("changed, not live yet"),
    }


def _panel_words() -> dict[str, str]:
    """Return the texts of the panel's entry."""
    return {
        "firstMessage": _("First message, shown before anyone writes"),
        "groupHint": _("A group has a name, a status text and a picture."),
        "changePicture": _("Change the picture"),
        "chooseAnswerer": _("Choose who answers"),
        "removePicture": _("Remove the picture"),
        "pictureTooLarge": _("The picture is larger than %s MB. Make it smaller."),
        "newHint": _("Give it a name: it becomes a draft that apps don't show."),
        "showOnMobile": _("Show on mobile"),
        "saving": _("Saving …"),
        "unsaved": _("Not saved yet: press Enter, or leave the field."),
        "notSaved": _("Not saved: the service is not responding. Your text is kept."),
        "changedByOthers": _("Someone else changed this text, too."),
        "mine": _("Yours"),
        "theirs": _("Theirs"),
        "keepMine": _("Keep mine"),
        "takeTheirs": _("Take theirs"),
        "blank": _("(blank)"),
    }


def preview_words() -> dict[str, str]:
    """Return the texts of a preview."""
    return {
        "showAll": _("Show all (%s)"),
        "empty": _("Nothing to show yet. Turn on a channel to see it here."),
        "chats": _("Chats"),
        "message": _("Write a message"),
        "back": _("Back"),
    }
