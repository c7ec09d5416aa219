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
_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
_VARIATIONS = "\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
# Unicode's Default_Ignorable_Code_Point outside of these, and the empty Braille cell.
_NOTHING = (
    f"{_VARIATIONS}\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0"
    "\ufff0-\ufff8\U000e0000-\U000e0fff"
)
_IS_NOTHING = re.compile(f"[{_NOTHING}]")
_IS_VARIATION = re.compile(f"[{_VARIATIONS}]")
_PLAIN = re.compile(f"(?:[^ {_NOTHING}]+(?: [^ {_NOTHING}]+)*)?")
MAX_LENGTH = 300  # characters; normalizing more takes long
MAX_SAME = 20  # characters that are shown before a difference
_JOINER = "\u200d"  # makes one emoji of several
_KEYCAP = "\u20e3"


def is_visible(text: str) -> bool:
    """Whether a reader sees anything of a text."""
    return not all(one.isspace() or _draws_nothing(one) for one in text)


def _draws_nothing(one: str) -> bool:
    # Not every "C": private use is drawn, and so is an emoji newer than this Python.
    return category(one) in _CATEGORIES or _IS_NOTHING.match(one) is not None


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


def reveal_both(old: str, new: str, most: int = MAX_LENGTH) -> tuple[str, str]:
    """Return two different texts so that the difference can be seen.

    Long ones are cut to ``most`` characters, from shortly before the difference.
    """
    begin = 0
    if max(len(old), len(new)) > most:
        pairs = enumerate(zip(old, new, strict=False))
        end = min(len(old), len(new))
        same = next((n for n, (one, other) in pairs if one != other), end)
        begin = max(0, same - MAX_SAME)
    old, new = part_of(old, most, begin), part_of(new, most, begin)
    looks = [_visible(reveal(text)).translate(_LOOK_ALIKES) for text in (old, new)]
    has_codes = looks[0] == looks[1]
    return reveal(old, has_codes=has_codes), reveal(new, has_codes=has_codes)


def part_of(text: str, most: int = MAX_LENGTH, begin: int = 0) -> str:
    """Return ``most`` characters of a text, with dots where it goes on."""
    before, after = "…" * (begin > 0), "…" * (len(text) > begin + most)
    return before + text[begin : begin + most] + after


def _is_unseen(before: str, one: str, after: str) -> bool:
    if one == " ":
        return before in ("", " ", "\n") or after in ("", "\n")
    if before and one == _JOINER:
        return category(before) not in ("So", "Sk", "Mn")
    if before and _IS_VARIATION.match(one):
        is_sign = category(before) in ("So", "Sk", "Sm", "Lo")
        return not (is_sign or after == _KEYCAP)
    return one.isspace() or _draws_nothing(one)


def shapes(address: str) -> set[str]:
    """What an address looks like; look-alikes have one in common.

    Look-alikes differ only in invisible characters, in case, in zeros before a
    number, or in letters of other scripts that are drawn as Latin ones.
    """
    address = address[:MAX_LENGTH]
    return {_shape(address), _shape(address.lower())}


def _shape(text: str) -> str:
    visible = _visible("".join(text.split()))
    digits = visible.lstrip("+0")
    return digits if digits.isdecimal() else visible.translate(_LOOK_ALIKES).lower()


def _visible(text: str) -> str:
    if not text.isascii():
        text = normalize("NFKC", text)
    if not (text.isascii() and text.isprintable()):
        text = "".join(one for one in text if not _draws_nothing(one))
    return text


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
)
