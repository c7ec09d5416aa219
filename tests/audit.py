"""`make audit`: known vulnerabilities of the packages that the service runs on.

If the advisories cannot be reached, it reports that nothing was audited and succeeds,
because nothing is known.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = [
    "--require-hashes",
    "--disable-pip",
    "--progress-spinner=off",
    "--format=json",
]


def main() -> int:
    """Ask for advisories; return 1 if there is one."""
    audit = Path(sys.executable).with_name("pip-audit")
    command = [str(audit), "--requirement", str(ROOT / "requirements.txt"), *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True)
    said, code = verdict(done.stdout, done.stderr)
    print(said)
    return code


def verdict(report: str, complaint: str) -> tuple[str, int]:
    """Return what pip-audit found, in words, and the exit code."""
    try:
        packages = json.loads(report)["dependencies"]
    except ValueError:
        why = (complaint.strip().splitlines() or ["no answer"])[-1]
        return f"Nothing was audited: {why}", 0
    found = [
        f"{one['name']} {one['version']}: {bad['id']}, mended in "
        + (", ".join(bad["fix_versions"]) or "no version yet")
        for one in packages
        for bad in one.get("vulns", ())
    ]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    if found:
        return "\n".join(found), 1
    if len(skipped) == len(packages):
        return "Nothing was audited: no advisories for any package were found.", 0
    said = f"No known vulnerability in {len(packages) - len(skipped)} packages."
    if skipped:
        said += f" Not audited: {', '.join(skipped)}."
    return said, 0


if __name__ == "__main__":
    sys.exit(main())
