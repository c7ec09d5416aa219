"""`make check`: the prose of documentation, templates and catalogues is plain English.

It refuses what an outsider stumbles over: a clause as a subject ("Who leaves is found
no more"), *he* for a user, and words that this project no longer uses. Spelling is
codespell's.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.processes import ROOT

SUBJECT, GLOSSARY = "name the subject", "see the glossary"

# Where a sentence begins: after a full stop, a mark-up or a list's sign, in a text of
# its own. Headings and labels are short, and may name a column "Who".
SENTENCE = r"(?:^|[.:;!?|>*“\"(]\s*|\n\s*(?:[-*]|\d+\.)\s+|\n\n)"
RULES = {
    re.compile(
        rf"{SENTENCE}Who(?:se)?(?:[ ]*[ \n][ ]*[^\s.!?|>]+){{3,}}(?![^.!?|\n]*\?)"
    ): SUBJECT,
    re.compile(r"(?i)\bwho(?:m|so)?ever\b"): SUBJECT,
    re.compile(r"(?i)\b(?:no|some|any) ?(?:body|one)[’']s\b"): "say whose",
    re.compile(r"\b(?:is|are|was|were|has|have)\s+none\b"): "say what there is not",
    re.compile(
        r"\b(?:is|are|was|were|be|been|isn't|aren't)(?:\s+(?:not|never))?"
        r"\s+told\b(?!\s+apart)"
    ): "say who tells what",
    re.compile(r"\b(?:[Hh]e|[Hh]im(?:self)?|[Hh]is|[Ss]he|[Hh]ers?)\b"): "write they",
    re.compile(
        r"(?i)\b(?:(?:door)?bells?|ledgers?|crossings?|farm(?:ing|ers?)|rehears\w+"
        r"|hot\s+documents?)\b"
    ): GLOSSARY,
}
# The glossary names the old words, and decisions are of their time.
OLD_WORDS = ("docs/glossary.md", "docs/decisions/")
ITALIAN = ("docs/guide/it.md", "docs/how-to/staff-it.md")
CODE = re.compile(
    r"```.*?```|`[^`\n]*`|\]\([^)]*\)|</?[a-zA-Z!][^>]*>|{[%{#].*?[%}#]}"
    r"|^#+ [^\n]*",
    re.DOTALL | re.MULTILINE,
)
MESSAGE = re.compile(r'^msgid(?:_plural)? ((?:"[^\n]*"\n)+)', re.MULTILINE)


class Find(NamedTuple):
    """What is wrong in which line of a text, and what to do."""

    line: int
    words: str
    advice: str


def finds(text: str, *, old_words: bool = False) -> Iterator[Find]:
    """What the rules refuse in a text; with ``old_words`` these may stand."""
    for rule, advice in RULES.items():
        if old_words and advice == GLOSSARY:
            continue
        for match in rule.finditer(text):
            begin = match.start() + re.search(r"[^\W\d]", match.group()).start()
            words = " ".join(text[begin : begin + 50].split())
            yield Find(text.count("\n", 0, begin) + 1, words, advice)


def prose(path: Path) -> str:
    """The text of a file that people read, its lines kept."""
    text = path.read_text()
    if path.suffix == ".po":
        kept = [False] * len(text)
        for match in MESSAGE.finditer(text):
            kept[match.start(1) : match.end(1)] = [True] * len(match.group(1))
        text = "".join(
            one if keep or one == "\n" else " "
            for one, keep in zip(text, kept, strict=True)
        )
        text = text.replace('"\n"', " \n ").replace('"\n', " \n").replace('"', ">")
    return CODE.sub(_blank, text)


def _blank(code: re.Match[str]) -> str:
    """Blank code, but for the end of a tag: a sentence may begin behind it."""
    end = ">" if code.group().startswith("<") else ""
    return re.sub(r"[^\n]", " ", code.group()[: len(code.group()) - len(end)]) + end


def files() -> Iterator[Path]:
    """Documentation, templates and our own catalogue, as git lists them."""
    wanted = ["*.md", "*.html", "locale/it/*.po"]
    command = ["git", "ls-files", "-co", "--exclude-standard", *wanted]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in done.stdout.splitlines():
        if name not in ITALIAN and (ROOT / name).is_file():
            yield ROOT / name


def main() -> int:
    """Print what is refused; return how much that is."""
    count = 0
    for path in files():
        name = str(path.relative_to(ROOT))
        for find in finds(prose(path), old_words=name.startswith(OLD_WORDS)):
            print(f"{name}:{find.line}: “{find.words}”: {find.advice}")
            count += 1
    return count


if __name__ == "__main__":
    sys.exit(f"{refused} places are not plain English." if (refused := main()) else 0)
