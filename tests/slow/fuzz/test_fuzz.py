"""Hostile input disturbs no other client, and each command is answered.

``FUZZ_CASES`` is the number of cases: the suite's are the same each time, so that a
failure can be repeated; ``make fuzz`` sends others each time.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.service import component_only
from tests.slow.fuzz.payloads import payloads
from tests.slow.fuzz.stanzas import (
    Case,
    broken,
    commands,
    envelopes,
    requests,
    texts,
    wild,
)
from tests.slow.fuzz.talk import Talk

LARGE = "ignore:Generating overly large repr"  # a batch that fails is shown whole
pytestmark = pytest.mark.filterwarnings(LARGE)

SUITE = 500  # cases
CASES = int(os.environ.get("FUZZ_CASES", SUITE))
BATCH = 10

hostile = settings(
    max_examples=CASES // 2 // BATCH,
    derandomize=CASES == SUITE,
    print_blob=True,
    # Shrinking takes minutes; a batch is small enough to read.
    phases=[Phase.generate, *([Phase.shrink] if CASES != SUITE else [])],
    suppress_health_check=list(HealthCheck),  # hostile input is large and slow
)


def test_hostile_stanzas(new_service):
    kinds = [wild] * 5 + [envelopes] * 5 + [broken]
    stanzas = st.sampled_from(kinds).flatmap(lambda kind: kind())
    _all_survive(new_service(), stanzas)


@component_only
def test_hostile_requests(new_service):
    kinds = [requests, requests, texts]
    cases = st.sampled_from(kinds).flatmap(lambda kind: kind())
    _all_survive(new_service(), cases)


def test_hostile_payloads(new_service):
    _all_survive(new_service(), commands(payloads()))


def _all_survive(service, cases: st.SearchStrategy[Case]) -> None:
    with Talk(service) as talk:

        @hostile
        @given(st.lists(cases, min_size=BATCH, max_size=BATCH))
        def survive(batch: list[Case]) -> None:
            talk.survive(batch)

        survive()
