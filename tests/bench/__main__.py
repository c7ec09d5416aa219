"""`make bench`: how fast the service is, beside others in the same run.

`make bench ARGS="vcards edits"` measures some parts only. The module of each part says
what it does; docs/performance.md explains the results.
"""

import argparse
import time
from collections.abc import Callable

from tests.bench import (
    campaigns,
    commands,
    curves,
    edits,
    growth,
    http,
    idle,
    overload,
    rosters,
    sizes,
    vcards,
    workspace,
)
from tests.bench.report import Report
from tests.bench.times import say
from tests.processes import ROOT

PARTS: dict[str, Callable[[Report], None]] = {
    "vcards": vcards.measure,
    "commands": commands.measure,
    "rosters": rosters.measure,
    "edits": edits.measure,
    "overload": overload.measure,
    "http": http.measure,
    "workspace": workspace.measure,
    "campaigns": campaigns.measure,
    "idle": idle.measure,
    "growth": growth.measure,
    "sizes": sizes.measure,
}
RESULTS = ROOT / "var" / "bench.json"
PICTURE = ROOT / "var" / "growth.svg"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(
            f"there is no part {', '.join(unknown)}; parts: {', '.join(PARTS)}"
        )
    report, began = Report(), time.monotonic()
    for part in chosen:
        PARTS[part](report)
        report.save(RESULTS)
    report.sum_up()
    if report.curves:
        curves.draw(report.curves, PICTURE)
        say(f"the curves: {PICTURE.relative_to(ROOT)}")
    say(f"in {time.monotonic() - began:.0f} s; figures: {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
