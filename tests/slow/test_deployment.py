"""Every block of docs/deployment.md runs as written, in order, in one shell.

The shell is root's, on a machine of its own (tests/slow/machine/enter): own /etc, /opt,
/run, /srv and /var, network and processes. PostgreSQL, Redis, nginx, promtool and the
service are real; that folder has what stands in for apt-get, certbot, docker,
journalctl, make, sleep and systemctl. The first umask is that of a hardened machine.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import ROOT

PAGE = (ROOT / "docs" / "deployment.md").read_text()
MACHINE = ROOT / "tests" / "slow" / "machine" / "enter"
NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
PROGRAMS = ("unshare", "nginx", "promtool", "redis-server", "pg_dump", "openssl")
DATE = "2026-01-31-030000"

missing = [name for name in PROGRAMS if not shutil.which(name)]
needed = [*missing, *([] if os.geteuid() == 0 else ["root"])]
pytestmark = pytest.mark.skipif(bool(needed), reason=f"needs {', '.join(needed)}")


@dataclass(frozen=True)
class Block:
    """A block, what the text around it says to do, and what must hold after it."""

    heading: str
    before: str = ""
    after: str = ""
    instead: tuple[tuple[str, str], ...] = ()


# What the blocks name and each reader replaces.
PLACEHOLDERS = {
    "ADDRESS-OF-THE-REPOSITORY": "/srv/source.git",
    "YOUR-HOST": "buddies.test",
    "YOUR-MAIL": "staff@buddies.test",
    f"date={DATE}": 'date="$last"',
}

PRELUDE = r"""
set -eE -o pipefail
umask 077
trap 'echo "failed in ${block:-the beginning}: $BASH_COMMAND" >&2' ERR
export DJANGO_SUPERUSER_USERNAME=romeo DJANGO_SUPERUSER_EMAIL=romeo@buddies.test
export DJANGO_SUPERUSER_PASSWORD=wherefore-art-thou
manage() { sh /opt/xmppservice/deploy/manage "$@"; }
# The text says to set the names in the file.
name_hosts() {
    sed -i "s/buddies\.example\.org/buddies.test/" /etc/xmppservice/environment
}
# The service runs, on a database with all of its tables.
answers() {
    for _ in $(seq 200); do
        if curl -s http://127.0.0.1:8000/readyz >/srv/ready && python3 -c '
import json
checks = json.load(open("/srv/ready"))["checks"]
good = {one["name"] for one in checks if one["ok"]}
raise SystemExit(not {"database", "migrations"} <= good)' 2>/dev/null; then return; fi
        /bin/sleep 0.1
    done
    cat /srv/ready /var/log/xmppservice.log >&2
    return 1
}
tree() { manage dumpbuddies --drafts; }
add_entry() {
    echo "{\"items\": [{\"type\": \"group\", \"mobileIsPublished\": true,
        \"webIsPublished\": true, \"info\": {\"name\": \"$1\"}}]}" >"/srv/$1.json"
    chmod 644 "/srv/$1.json"
    manage loadbuddies "/srv/$1.json"
}
readable_code() {
    cd /opt/xmppservice
    [ -z "$(find . -path ./.git -prune -o ! -type l ! -perm -o=r -print)" ]
}
# Reads to the end: grep -q would break the pipe, and pipefail would see it.
found() {
    grep "$1" >/dev/null
}
# No key is in a folder with data; only root reads either.
backed_up() {
    last=$(cd /var/backups/xmppservice && ls -d 20* | tail -n 1)
    [ "$(ls /var/backups/xmppservice-keys | tail -n 1)" = "$last" ]
    tar -tf "/var/backups/xmppservice-keys/$last/keys.tar" >/srv/keys
    grep -q address-book-key /srv/keys
    for key in /etc/xmppservice/*-key /etc/xmppservice/*-secret \
        /var/lib/xmppservice/*-key
    do
        if [ -e "$key" ] && grep -raqF "$(cat "$key")" "/var/backups/xmppservice"; then
            echo "$key is beside the data" >&2
            return 1
        fi
    done
    [ -z "$(find /var/backups/xmppservice* -perm /077)" ]
    [ "$(git -C /opt/xmppservice rev-parse HEAD)" = \
        "$(cat "/var/backups/xmppservice/$last/version")" ]
    tar -tf "/var/backups/xmppservice/$last/files.tar" | found media/picture.png
}
publish() { cp -a "/srv/$1/." /srv/work; git -C /srv/work add -A
    git -C /srv/work -c user.name=a -c user.email=a commit -qm "$1"
    git -C /srv/work push -q; }
"""

# Half a dump is no backup, and leaves none that looks like one.
BROKEN_DUMP = r"""
install -d -m 755 /srv/broken
printf '#!/bin/sh\necho half\nexit 1\n' >/srv/broken/pg_dump
chmod 755 /srv/broken/pg_dump
count=$(ls -A /var/backups/xmppservice* | wc -l)
if PATH="/srv/broken:$PATH" sh deploy/backup; then false; fi
[ "$(ls -A /var/backups/xmppservice* | wc -l)" = "$count" ]
"""

# Whatever the folder is called, the keys are not in it. Pictures may be elsewhere, and
# another backup may run.
ODD_BACKUPS = r"""
mkdir /srv/elsewhere "/srv/a b"
mv /var/lib/xmppservice/media /srv/elsewhere/
ln -s /srv/elsewhere/media /var/lib/xmppservice/media
cd "/srv/a b"
folder=$(sh /opt/xmppservice/deploy/backup "below it/")
[ "$folder" = "$(echo "/srv/a b/below it/"20*)" ]
[ "$(ls -A "/srv/a b")" = "$(printf 'below it
below it-keys')" ]
tar -tf "$folder/files.tar" | found media/picture.png
cd /opt/xmppservice
for _ in 1 2 3; do sh deploy/backup /srv/many & done >/srv/made
wait
[ "$(ls -A /srv/many | wc -l)" = "$(wc -l </srv/made)" ]
[ "$(ls -A /srv/many)" = "$(ls -A /srv/many-keys)" ]
[ -s "$(head -n 1 /srv/made)/db.sqlite3" ]
rm /var/lib/xmppservice/media
mv /srv/elsewhere/media /var/lib/xmppservice/
mount -t tmpfs -o size=200k none /srv/elsewhere
if sh deploy/backup /srv/elsewhere/full 2>/srv/failure; then false; fi
grep -q "db.sqlite3: database or disk is full" /srv/failure
[ "$(wc -l </srv/failure)" = 1 ]
[ -z "$(find /srv/elsewhere/full*/ -mindepth 1)" ]
umount /srv/elsewhere
"""

PLAY = [
    Block("The default: one process"),
    Block("The default: one process", after="name_hosts"),
    Block(
        "The default: one process",
        instead=(("createsuperuser", "createsuperuser --noinput"),),
        after="answers\nreadable_code\nadd_entry first\n"
        "install -d -o xmppservice -g xmppservice /var/lib/xmppservice/media\n"
        "install -o xmppservice /dev/null /var/lib/xmppservice/media/picture.png",
    ),
    Block(
        "HTTPS with nginx",
        after="curl -sSfk --retry 9 --retry-all-errors -o /dev/null "
        "--resolve buddies.test:443:127.0.0.1 "
        "https://buddies.test/admin/login/",
    ),
    Block(
        "Backup",
        # A backup that is old, one that was never finished, and a folder of somebody's.
        before="(cd /var/backups; for one in 2020-01-01-030000 "
        "unfinished-2020-01-01-030000 mine; do mkdir -p -m 700 xmppservice/$one; "
        "touch -d '40 days ago' xmppservice/$one; done)",
        after="backed_up\ntree >/srv/tree\n"
        '[ "$(cd /var/backups/xmppservice; echo *)" = "$last mine" ]\n'
        "rmdir /var/backups/xmppservice/mine" + ODD_BACKUPS,
    ),
    Block(
        "Restore of the default",
        before="add_entry lost\nkey=$(cat /var/lib/xmppservice/address-book-key)",
        after="answers\ntree | cmp - /srv/tree\n"
        '[ "$(cat /var/lib/xmppservice/address-book-key)" = "$key" ]\n'
        "[ -e /var/lib/xmppservice/media/picture.png ]",
    ),
    Block(
        "Upgrade of the default",
        before="publish newer",
        after="answers\nreadable_code",
    ),
    Block(
        "Upgrade of the default",
        # The upgrade that fails, in the middle of a migration.
        before="publish broken\nversion=$(git -C /opt/xmppservice rev-parse HEAD)\n"
        "if bash -e /srv/upgrade >/srv/failure 2>&1; then false; fi\n"
        "grep -q no_such_table /srv/failure\n"
        "last=$(cd /var/backups/xmppservice && ls -d 20* | tail -n 1)",
        after='[ "$(git -C /opt/xmppservice rev-parse HEAD)" = "$version" ]\n'
        "readable_code\n. /srv/restore\nanswers\ntree | cmp - /srv/tree\n"
        # The next version can be pulled again.
        "publish mended\ngit pull -q\ncat deploy/mended >/dev/null",
    ),
    Block("From the default to several processes"),
    Block("From the default to several processes"),
    Block("From the default to several processes"),
    Block("From the default to several processes", after="answers"),
    Block(
        "Restore of several processes",
        before=BROKEN_DUMP + "umask 077\n. /srv/backup\nbacked_up\nadd_entry lost",
        after="answers\ntree | cmp - /srv/tree",
    ),
    Block(
        "Upgrade without losing a command",
        before="publish latest",
        after="answers\nreadable_code",
    ),
    Block("Containers, and a Procfile"),
    Block(
        "Another key for the address books",
        after="su -s /bin/sh xmppservice "
        "-c 'cat address-book-key address-book-old-keys' | sort -u "
        "| grep -c . | grep -qx 2",
    ),
    Block(
        "Monitoring",
        # Restart all processes after the first three lines.
        instead=(
            ("curl http", "systemctl restart xmppservice.target\nanswers\ncurl http"),
        ),
        after="curl -s http://127.0.0.1:8000/metrics | { ! found xmppservice_; }\n"
        'curl -sf -H "Authorization: Bearer $(cat /etc/xmppservice/metrics-token)" '
        "http://127.0.0.1:8000/metrics | found xmppservice_stream_ready",
    ),
    Block("Monitoring"),
]


def blocks() -> list[tuple[str, str]]:
    """Return the heading above each block, and its text."""
    found = []
    for section in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        heading = section.partition("\n")[0]
        for indent, text in re.findall(
            r"^( *)```sh\n(.*?)^\1```$", section, re.M | re.S
        ):
            found.append((heading, re.sub(f"^{indent}", "", text, flags=re.M)))
    return found


def typed(block: Block | None, text: str) -> str:
    """Return what a reader types for a block."""
    for old, new in PLACEHOLDERS.items():
        text = text.replace(old, new)
    for old, new in block.instead if block else ():
        assert old in text
        text = text.replace(old, new, 1)
    # A failure left of && does not end a shell with -e.
    text = re.sub(r"^(.+?) && ", r"\1\n", text, flags=re.M)
    assert DATE not in text
    return text


def script() -> str:
    parts = [PRELUDE]
    for number, (block, (heading, text)) in enumerate(zip(PLAY, blocks(), strict=True)):
        assert block.heading == heading
        name = f"block={number + 1}-{heading.replace(' ', '-')!r}"
        parts += [name, block.before, typed(block, text), block.after]
        parts.append(f"echo 'ran block {number + 1}'")
    return "\n".join(parts)


def named(heading: str, number: int = 0) -> str:
    """Return one block, to be played once more."""
    return typed(None, [text for found, text in blocks() if found == heading][number])


MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("buddies", "{after}")]
    operations = [migrations.RunSQL("{sql}")]
"""


def migration(folder: Path, name: str, after: str, sql: str) -> None:
    path = folder / "buddies" / "migrations" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MIGRATION.format(after=after, sql=sql))


def source(folder: Path) -> None:
    """Make the repository with this version, and the versions that follow it."""
    work, bare = folder / "work", folder / "source.git"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    for name in files.decode().split("\0"):
        unused = name.startswith(("tests/", "docs/", "demo/"))
        if not unused and (ROOT / name).is_file():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, work / name)
    last = max(path.stem for path in (ROOT / "buddies" / "migrations").glob("0*.py"))
    migration(folder / "newer", "9000_newer", last, "CREATE TABLE newer (id int)")
    broken = folder / "broken"
    migration(broken, "9001_broken", "9000_newer", "DROP TABLE no_such_table")
    mended = folder / "mended"
    migration(mended, "9001_broken", "9000_newer", "SELECT 1")
    (mended / "deploy").mkdir()
    (mended / "deploy" / "mended").touch()
    migration(folder / "latest", "9002_latest", "9001_broken", "SELECT 1")
    run = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (
        ["init", "-q", "-b", "main", str(work)],
        ["-C", str(work), "add", "-A"],
        ["-C", str(work), "commit", "-qm", "first"],
        ["clone", "-q", "--bare", str(work), str(bare)],
        ["-C", str(work), "remote", "add", "origin", "/srv/source.git"],
        ["-C", str(work), "config", "push.autoSetupRemote", "true"],
    ):
        subprocess.run([*run, *words], check=True)


def test_each_block_runs_in_order_in_one_shell(tmp_path):
    srv = tmp_path / "srv"
    srv.mkdir()
    srv.chmod(0o755)
    source(srv)
    (srv / "upgrade").write_text(named("Upgrade of the default"))
    (srv / "restore").write_text(named("Restore of the default"))
    (srv / "backup").write_text(named("Backup"))
    (srv / "script").write_text(script())

    packages = sysconfig.get_path("purelib")
    places = [sys.base_prefix, packages, sysconfig.get_path("scripts")]
    words = [str(tmp_path), "/srv/script", *places]
    done = subprocess.run(
        [*NAMESPACES, "--mount-proc", "sh", str(MACHINE), *words],
        capture_output=True,
        text=True,
        timeout=300,
    )

    tail = (done.stdout + done.stderr)[-6000:]
    assert done.returncode == 0, tail
    ran = re.findall(r"^ran block (\d+)$", done.stdout, re.M)
    assert ran == [str(number + 1) for number in range(len(blocks()))], tail
