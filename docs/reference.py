"""The pages of the site that are read from the code when `make docs` builds it.

MkDocs calls the functions that begin with ``on_`` (hooks of mkdocs.yml). None of
these pages is a file, and none needs a database or a running service.
"""

import ast
import os
import re
from argparse import Action
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandParser
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")
# What django.setup() does, but for the log: here that is MkDocs' own.
apps.populate(settings.INSTALLED_APPS)

from xmppservice import checks  # noqa: E402  (they need the settings)
from xmppservice.monitoring import metrics  # noqa: E402  (they need the settings)

ROOT = Path(__file__).resolve().parent.parent
ICON = ROOT / "xmppservice" / "static" / "xmppservice" / "icon.svg"
PACKAGES = ("buddies", "roster", "xmppservice")
LEVELS = {"Error": "error", "Warning": "warning"}
# What Prometheus adds to the name of a family.
FAMILIES = {
    "_gauge": "",
    "GaugeMetricFamily": "",
    "CounterMetricFamily": "_total",
    "InfoMetricFamily": "_info",
}
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
ROLE = re.compile(r":\w+:(?=<code>)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, and put into the navigation what its stars stand for."""
    for name, text in _pages():
        path = f"reference/{name}.md"
        files.append(File.generated(config, path, content=text))
    files.append(File.generated(config, "assets/icon.svg", abs_src_path=str(ICON)))
    config.nav = _resolved(config.nav, sorted(files.src_uris))
    return files


def on_page_content(
    html: str, page: Page, config: MkDocsConfig, files: Files
) -> str | None:
    """Docstrings name their neighbours as ``:func:`name```: leave the name."""
    return ROLE.sub("", html) if page.file.generated_by else None


def _resolved(entry: Any, paths: list[str]) -> Any:
    if isinstance(entry, dict):
        return {title: _resolved(below, paths) for title, below in entry.items()}
    if isinstance(entry, list):
        return [_resolved(below, paths) for below in entry]
    return [path for path in paths if fnmatch(path, entry)] if "*" in entry else entry


def _pages() -> Iterator[tuple[str, str]]:
    yield "commands", _commands()
    yield "checks", _checks()
    yield "metrics", _metrics()
    modules = dict(_modules())
    yield "index", _index(modules)
    for module in modules:
        yield module, f"# {module}\n\n::: {module}\n"


def _page(title: str, intro: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", intro, *parts]) + "\n"


def _table(*rows: Iterable[str]) -> str:
    """A table of Markdown; the first row is its head."""
    head, *lines = [f"| {' | '.join(row)} |" for row in rows]
    rule = re.sub(r"[^|]+", "---", head)
    return "\n".join([head, rule, *lines])


# --- Management commands --------------------------------------------------------


def _commands() -> str:
    intro = (
        "As their parsers know them; `manage.py COMMAND --help` says the same. "
        "What they are for is in "
        "[Configuration](../configuration.md#management-commands)."
    )
    own = sorted((name, app) for name, app in get_commands().items() if app in PACKAGES)
    return _page("Management commands", intro, *(_command(*one) for one in own))


def _command(name: str, app: str) -> str:
    command = load_command_class(app, name)
    # Its own parser has what all commands of Django have, too.
    parser = CommandParser(prog=f"manage.py {name}", add_help=False)
    command.add_arguments(parser)
    usage = parser.format_usage().removeprefix("usage: ")
    rows = [(f"`{_spelled(one)}`", one.help or "") for one in parser._actions]
    table = [_table(("argument", "meaning"), *rows)] if rows else []
    return "\n\n".join([f"## {name}", command.help, f"```\n{usage}```", *table])


def _spelled(action: Action) -> str:
    return ", ".join(action.option_strings) or str(action.metavar or action.dest)


# --- System checks and metrics --------------------------------------------------


class Call(NamedTuple):
    """A call in a module: what is called, and its arguments as text."""

    function: str
    given: list[str]
    named: dict[str, str]


def _checks() -> str:
    intro = (
        "From `xmppservice/checks.py`. `manage.py check` and every start say these, "
        "and an error ends the start. "
        "[Configuration](../configuration.md#system-checks) says when."
    )
    rows = sorted(
        (
            f"`{call.named['id']}`",
            LEVELS[call.function],
            *call.given,
            call.named["hint"],
        )
        for call in _calls(checks)
        if call.function in LEVELS
    )
    return _page(
        "System checks", intro, _table(("id", "level", "it says", "hint"), *rows)
    )


def _metrics() -> str:
    intro = (
        "From `xmppservice/monitoring/metrics.py`: what `/metrics` has. "
        "[Configuration](../configuration.md#watching-it) says more about each, and "
        "[Deployment](../deployment.md#monitoring) which should wake somebody."
    )
    rows = [
        (f"`{_metric(call)}`", call.given[1])
        for call in _calls(metrics)
        if call.function in FAMILIES and "*" not in call.given[0]
    ]
    return _page("Metrics", intro, _table(("metric", "help"), *rows))


def _metric(call: Call) -> str:
    """Its name as a sample has it."""
    name = call.given[0].removeprefix(metrics.PREFIX)
    return metrics.PREFIX + name + FAMILIES[call.function]


def _calls(module: ModuleType) -> Iterator[Call]:
    tree = ast.parse(Path(str(module.__file__)).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda call: call.lineno):
        yield Call(
            ast.unparse(node.func),
            [_text(one, module) for one in node.args],
            {str(one.arg): _text(one.value, module) for one in node.keywords},
        )


def _text(node: ast.AST, module: ModuleType) -> str:
    """A text as it will be; ``*name*`` stands for what only a run knows."""
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(_text(one, module) for one in node.values)
        case ast.FormattedValue():
            return _text(node.value, module)
        case ast.BinOp(op=ast.Add()):
            return _text(node.left, module) + _text(node.right, module)
    name = ast.unparse(node)
    try:
        return str(attrgetter(name)(module))
    except AttributeError:
        return f"*{name}*"


# --- The code -------------------------------------------------------------------


def _index(modules: dict[str, str]) -> str:
    intro = (
        "Read from the code when this site is built. All settings are in "
        "[Configuration](../configuration.md#settings), and how the modules hang "
        "together is in [Architecture](../architecture.md#the-plan)."
    )
    pages = (
        "- [Management commands](commands.md)\n"
        "- [System checks](checks.md)\n"
        "- [Metrics](metrics.md)"
    )
    rows = [(f"[`{name}`]({name}.md)", says) for name, says in modules.items()]
    table = _table(("module", "what it is"), *rows)
    return _page("Reference", intro, pages, "## Modules", table)


def _modules() -> Iterator[tuple[str, str]]:
    """Each module with public docstrings, and the first sentence of its own."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("[!_]*.py")):
            tree = ast.parse(path.read_text())
            if "migrations" not in path.parts and any(_docstrings(tree)):
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield name, _sentence(ast.get_docstring(tree) or "")


def _docstrings(tree: ast.Module) -> Iterator[str | None]:
    yield ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, DEFINITIONS) and not node.name.startswith("_"):
            yield ast.get_docstring(node)


def _sentence(docstring: str) -> str:
    return re.split(r"(?<=\.)\s", docstring)[0].replace("\n", " ")
