"""Rosters by privileged stanzas (XEP-0356), as on Prosody."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings

from xmppservice.connection import gateway
from xmppservice.protocol import roster
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.roster import Roster
from xmppservice.rosters.interface import (
    ITEM_BY_ITEM,
    MISSING,
    NOBODY,
    PROBE_SECONDS,
    Room,
    RosterError,
    RosterWrite,
    Written,
    all_refused,
)
from xmppservice.rosters.pace import TURN_SECONDS, Latency, Pace, cost_of_write

FORBIDDEN = "forbidden"
NOT_A_JID = "jid-malformed"
# An account that blocks us (XEP-0191) answers as if nothing served its address. Absent
# ones cannot block. An empty wrapper may also be called a bad request.
ACCOUNT_EXISTS = frozenset({FORBIDDEN, MISSING, "bad-request"})

# For all threads: rosters at once, and the cost of the writes at once.
_reading, _writing = Pace(5, 25), Pace(500, 10_000)
_latency = Latency()  # by reading a single roster


class PrivilegedRosters:
    """Privileged roster IQs (XEP-0356), one item each, as Prosody requires.

    What a domain's server refuses is never taken for an absent account: each call
    also asks about accounts that cannot exist.
    """

    name = "privileged stanzas (XEP-0356)"
    cheap_lookups = True

    def ready(self) -> bool:
        return gateway.state().privileged

    def probe(self) -> dict[str, str]:
        return self.lacking(settings.XMPP_DOMAINS)

    def lacking(self, domains: Sequence[str]) -> dict[str, str]:
        """Return what ``domains`` lack, as :meth:`probe` does."""
        if not gateway.state().privileged:
            return dict.fromkeys(domains, _grant())
        missing = {domain: _missing(domain) for domain in domains}
        return {domain: sentence for domain, sentence in missing.items() if sentence}

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[Roster | RosterError]:
        requests = [gateway.IqRequest("get", owner, roster.get()) for owner in owners]
        answers: list[gateway.IqResult] = []
        while part := requests[len(answers) : len(answers) + _reading.load]:
            with _timed(_reading, len(part)):
                answers += gateway.ask(part, deadline)
        return [
            RosterError(answer.condition)
            if answer.condition
            else Roster(roster.items_of(answer.payload))
            for answer in answers
        ]

    def room(self) -> Room:
        return ITEM_BY_ITEM._replace(cost=_writing.load)

    def write(self, writes: Sequence[RosterWrite], deadline: float) -> list[Written]:
        requests = [
            gateway.IqRequest(
                "set", write.owner, roster.set_item(item.jid, item.name, item.groups)
            )
            for write in writes
            for item in write.items
        ]
        cost = sum(len(write.items) * cost_of_write(write.size) for write in writes)
        with _timed(_writing, cost):
            answers = iter(gateway.ask(requests, deadline))
        written = [
            Written([next(answers).condition for _ in write.items]) for write in writes
        ]
        # The same answer means that the privilege was withdrawn, or that the owner
        # blocks us.
        doubtful = {
            write.owner
            for write, (conditions, _) in zip(writes, written, strict=True)
            if MISSING in conditions
        }
        blocking = doubtful - _absent(sorted(doubtful), deadline)
        return [
            all_refused(write, FORBIDDEN) if write.owner in blocking else one
            for write, one in zip(writes, written, strict=True)
        ]

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        result = _exist(jids, deadline)
        for exists in result:
            if isinstance(exists, RosterError):
                raise exists
        return [exists is True for exists in result]

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        return None


@contextmanager
def _timed(pace: Pace, load: int) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    except gateway.Late:
        # Or the same load would be late again.
        if (seconds := time.monotonic() - began) > TURN_SECONDS:
            pace.note(load, seconds)
        raise
    seconds = time.monotonic() - began
    if pace is _reading and load == 1:
        _latency.note(seconds)
    if load:
        pace.note(load, _latency.without(seconds))


def _absent(jids: Sequence[str], deadline: float) -> set[str]:
    answers = zip(jids, _exist(jids, deadline), strict=True)
    return {jid for jid, exists in answers if exists is False}


def _exist(jids: Sequence[str], deadline: float) -> list[bool | RosterError]:
    """Ask for nothing by privilege: refused in one way without an account.

    Prosody looks for the account first, and refuses in another way if there is one.
    It loads no roster: those it loads for offline users stay in its memory even when
    the account is deleted, and the address's next owner would get them.

    Accounts that cannot exist are asked about before and after, for the wording.
    """
    domains = sorted({domain_of(jid) for jid in jids})
    nobodies = [_nobody(domain) for domain in domains]
    answers = gateway.ask(
        [
            gateway.IqRequest("get", jid, roster.no_request())
            for jid in (*nobodies, *jids, *nobodies)
        ],
        deadline,
    )
    count = len(nobodies)
    before, after = answers[:count], answers[count + len(jids) :]
    absent = dict(zip(domains, map(_refusal, before, after), strict=True))
    return [
        _exists(answer, absent[domain_of(jid)])
        for jid, answer in zip(jids, answers[count:], strict=False)
    ]


def _refusal(
    before: gateway.IqResult, after: gateway.IqResult
) -> gateway.IqResult | RosterError:
    """Return the answer for an account that does not exist."""
    if before == after and before.condition == FORBIDDEN and before.text:
        return before
    return RosterError(after.condition or "no wording")


def _exists(
    answer: gateway.IqResult, absent: gateway.IqResult | RosterError
) -> bool | RosterError:
    if isinstance(absent, RosterError):
        return absent
    if answer == absent or answer.condition == NOT_A_JID:
        return False
    if answer.condition in ACCOUNT_EXISTS:
        return True
    return RosterError(answer.condition or "a request that was not made is answered")


def _nobody(domain: str) -> str:
    # Not to be guessed: somebody could register it.
    return f"{NOBODY}-{secrets.token_hex(8)}@{domain}"


def _missing(domain: str) -> str:
    """Return what a domain lacks, and how to grant it; empty when it lacks nothing."""
    nobody = _nobody(domain)
    requests = [
        gateway.IqRequest("get", nobody, roster.get()),
        gateway.IqRequest("set", nobody, roster.set_item(nobody)),
        gateway.IqRequest("get", nobody, roster.no_request()),
    ]
    try:
        answers = gateway.ask(requests, time.time() + PROBE_SECONDS)
    except gateway.Late:
        return f"the XMPP server did not answer within {PROBE_SECONDS} seconds"
    read, written, looked_up = (answer.condition for answer in answers)
    if read not in ("", FORBIDDEN, MISSING):
        return (
            f"the XMPP server answers {read}: give it a VirtualHost of this name, or "
            "take the domain out of XMPP_DOMAINS"
        )
    # Only a privileged entity reads the roster of an account that does not exist.
    if read or written != MISSING:
        return _grant()
    if looked_up != FORBIDDEN:
        return (
            f"the XMPP server answers {looked_up} to privileged_iq: it needs a newer "
            'module "privilege"; for ejabberd set EJABBERD_API_URL'
        )
    return ""


def _grant() -> str:
    return (
        "give the VirtualHost privileged_entities = "
        f'{{ ["{settings.XMPP_JID}"] = {{ roster = "both"; iq = {{}} }} }}, and it and '
        'the component the module "privilege", then restart Prosody; ejabberd needs '
        "EJABBERD_API_URL"
    )
