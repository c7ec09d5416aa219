"""What the scripts of the pages say by themselves."""

from django.utils.translation import gettext as _


def workspace_words() -> dict[str, str]:
    """What the script says by itself."""
    return {
        "name": _("Name"),
        "status": _("Status text"),
        "mobile": _("Mobile"),
        "web": _("Web"),
        "actions": _("Actions"),
        "edit": _("Edit"),
        "addChannel": _("Add a channel inside"),
        "addGroup": _("Add a group inside"),
        "moveTo": _("Move to …"),
        "duplicate": _("Duplicate with all below"),
        "hide": _("Hide everywhere"),
        "history": _("History"),
        "delete": _("Delete …"),
        "undo": _("Undo"),
        "cancel": _("Cancel"),
        "group": _("Group"),
        "channel": _("Channel"),
        "top": _("Top level"),
        "tree": _("Groups and channels"),
        "noMatch": _("Nothing found"),
        "none": _("No differences: what you see is what is live."),
        "more": _("and more: %s in all"),
        "offline": _("The service does not answer. Trying again …"),
        "deleteTitle": _("Delete “%s”?"),
        "moveTitle": _("Move “%s” to"),
        "gone": _("Somebody deleted this entry in the meantime."),
        "reloaded": _("Here is how it stands now."),
        "endTitle": _("End the hold?"),
        "endHold": _("End hold"),
        "loggedOut": _("You are logged out: load the page again."),
        "loggedOutShort": _("You are logged out"),
        "logIn": _("Log in again"),
        **preview_words(),
    }


def preview_words() -> dict[str, str]:
    """What a preview says by itself."""
    return {
        "showAll": _("Show all %s"),
        "empty": _("Nothing is shown here yet. Switch on an entry to see it."),
        "chats": _("Chats"),
        "message": _("Write a message"),
        "back": _("Back"),
    }
