"""`make audit` fails for a vulnerability, and says when it audited nothing."""

import json

import pytest

from tests import audit

FINE = {"name": "fine", "version": "1", "vulns": []}
BAD = {
    "name": "bad",
    "version": "2",
    "vulns": [
        {"id": "CVE-1", "fix_versions": ["2.1", "3.0"]},
        {"id": "CVE-2", "fix_versions": []},
    ],
}
SKIPPED = {"name": "skipped", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "said", "code"),
    [
        ([FINE], "No known vulnerability in 1 packages.", 0),
        (
            [FINE, SKIPPED],
            "No known vulnerability in 1 packages. Not audited: skipped.",
            0,
        ),
        (
            [FINE, BAD, SKIPPED],
            "bad 2: CVE-1, mended in 2.1, 3.0\nbad 2: CVE-2, mended in no version yet",
            1,
        ),
        (
            [SKIPPED, SKIPPED],
            "Nothing was audited: no advisories for any package were found.",
            0,
        ),
    ],
)
def test_the_findings_are_reported(packages, said, code):
    assert audit.verdict(json.dumps({"dependencies": packages}), "") == (said, code)


@pytest.mark.parametrize(
    ("complaint", "why"), [("one\nno network\n", "no network"), ("", "no answer")]
)
def test_without_advisories_nothing_was_audited(complaint, why):
    assert audit.verdict("", complaint) == (f"Nothing was audited: {why}", 0)
