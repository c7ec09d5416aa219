"""What cannot be seen in a text: invisible characters, and look-alikes."""

import re
from unicodedata import category, normalize

from django.utils.translation import gettext_lazy as _

_NAMES = {
    " ": _("space"),
    "\t": _("tab"),
    "\n": _("line break"),
    "\r": _("carriage return"),
    "\xa0": _("no-break space"),
    "\u200b": _("zero-width space"),
}
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp")
# Letters and marks that fonts draw as nothing.
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_PLAIN = re.compile(rf"(?:[^ {_FILLERS}]+(?: [^ {_FILLERS}]+)*)?")
MAX_LENGTH = 300  # characters; normalizing more takes long
_JOINER = "\u200d"  # makes one emoji of several


def reveal(text: str, *, has_codes: bool = False) -> str:
    """Return a text with the names of what cannot be seen in it, in brackets.

    ``has_codes`` adds its code to each letter that is not ASCII.
    """
    if not has_codes and text.isprintable() and _PLAIN.fullmatch(text):
        return text
    shown = []
    for before, one, after in zip(["", *text], text, [*text[1:], ""], strict=False):
        code = f"U+{ord(one):04X}"
        if _is_unseen(before, one, after):
            shown.append(f"[{_NAMES.get(one, code)}]")
        else:
            is_named = has_codes and not one.isascii() and one != "…"
            shown.append(f"{one}[{code}]" if is_named else one)
    return "".join(shown)


def reveal_both(old: str, new: str) -> tuple[str, str]:
    """Return two different texts so that the difference can be seen."""
    has_codes = _shape(old) == _shape(new)
    return reveal(old, has_codes=has_codes), reveal(new, has_codes=has_codes)


def _is_unseen(before: str, one: str, after: str) -> bool:
    if one == " ":
        return before in ("", " ", "\n") or after in ("", "\n")
    if one == _JOINER and before and category(before) in ("So", "Sk", "Mn"):
        return False
    return one.isspace() or category(one) in _INVISIBLE or one in _FILLERS


def shapes(address: str) -> set[str]:
    """What an address looks like; look-alikes have one in common.

    Look-alikes differ only in invisible characters, in case, in zeros before a
    number, or in letters of other scripts that are drawn as Latin ones.
    """
    address = address[:MAX_LENGTH]
    return {_shape(address), _shape(address.lower())}


def _shape(text: str) -> str:
    visible = "".join(text.split())
    if not visible.isascii():
        visible = normalize("NFKC", visible)
    if not visible.isprintable():
        visible = "".join(one for one in visible if category(one) not in _INVISIBLE)
    digits = visible.lstrip("+0")
    return digits if digits.isdecimal() else visible.translate(_LOOK_ALIKES).lower()


# Unicode Technical Standard 39 has them all; these are those of European keyboards.
_LOOK_ALIKES = str.maketrans(
    # Cyrillic
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u0405\u0406\u0408\u0430\u0435\u043e\u0440\u0441\u0443\u0445"
    "\u0455\u0456\u0458\u04bb\u04cf\u0501\u051b\u051d"
    # Greek
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4"
    "\u03a5\u03a7\u03b1\u03b9\u03bd\u03bf\u03c1\u03c5"
    # Latin: dotless i; l, I, 1 and |; o and 0; hyphens and dashes
    "\u0131I1|0\u2010\u2011\u2012\u2013\u2014\u2212",
    "ABEKMHOPCTYXSlJaeopcyxsijhldqwABEZHlKMNOPTYXaivopuilllo------",
    _FILLERS,
)
