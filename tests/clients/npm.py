"""Fetch the packages of npm.lock to var/npm, each with nothing but its own files.

    .venv/bin/python -m tests.clients.npm

`npm ci` of Debian's npm 9 fails on Converse.js, whose dependencies are folders of its
own; what its distribution needs is in it.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).with_name("npm.lock")
ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "var" / "npm"


def main() -> None:
    for line in LOCK.read_text().splitlines():
        if not line.startswith("#"):
            fetch(*line.split())


def fetch(package: str, integrity: str) -> None:
    """Put a package, such as ``typescript@5.9.3``, where npm would put it."""
    name, _, _ = package.rpartition("@")
    with tempfile.TemporaryDirectory() as folder:
        words = ["npm", "pack", package, "--json", "--pack-destination", folder]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"npm pack {package} failed: {done.stderr.strip()}")
        archive = Path(folder) / json.loads(done.stdout)[0]["filename"]
        check(package, archive.read_bytes(), integrity)
        subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
        target = FOLDER / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(Path(folder) / "package", target)
    print(f"{package} is in {target.relative_to(ROOT)}", flush=True)


def check(package: str, content: bytes, integrity: str) -> None:
    algorithm, _, expected = integrity.partition("-")
    digest = hashlib.new(algorithm, content).digest()
    if base64.b64encode(digest).decode() != expected:
        sys.exit(f"{package} is not the package that was locked.")


if __name__ == "__main__":
    main()
