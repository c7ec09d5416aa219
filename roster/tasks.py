import logging
import time

from celery import shared_task
from django.db import DatabaseError, InterfaceError

from roster import commands, directory, ledger, payloads
from roster.ledger import Settled, Work
from xmppservice.gateway import Down, Late
from xmppservice.rosters import Prosody, Rosters

logger = logging.getLogger(__name__)

DATABASE_ERRORS = (DatabaseError, InterfaceError)
# Seconds that all questions of one turn share; a claim outlives them.
TURN = 20


@shared_task
def run_commands() -> None:
    """Run waiting commands until none is left.

    While the XMPP server is away nothing is claimed: session_start rings.
    """
    rosters = Prosody()
    if not rosters.ready():
        return
    work: list[Work] = []
    try:
        work = ledger.claim()
        while work:
            settled = _run(work, rosters)
            work = ledger.finish(settled, payloads.storage_failed())
    except (Down, Late) as error:
        logger.warning("commands rest: %s", error)
        ledger.rest(work)
    except DATABASE_ERRORS as error:
        # The claims expire by themselves.
        logger.error("the database does not answer: %s", type(error).__name__)


def _run(work: list[Work], rosters: Rosters) -> list[Settled]:
    try:
        return commands.run(work, rosters, time.time() + TURN)
    except (Down, Late, *DATABASE_ERRORS):
        raise
    except Exception as error:
        logger.error("a turn failed, its commands run one by one: %s", _where(error))
        return [_one_by_one(one, rosters) for one in work]


def _one_by_one(work: Work, rosters: Rosters) -> Settled:
    """Settle each command alone, so that a poison one fails only itself."""
    all_settled = Settled(work)
    for command in work.commands:
        try:
            alone = [Work(work.claim, [command])]
            (settled,) = commands.run(alone, rosters, time.time() + TURN)
        except (Down, Late, *DATABASE_ERRORS):
            raise
        except Exception as error:
            logger.error("command %d failed: %s", command.pk, _where(error))
            all_settled.failed[command.pk] = type(error).__name__
        else:
            all_settled.answers |= settled.answers
            all_settled.failed |= settled.failed
            all_settled.effects += settled.effects
    return all_settled


def _where(error: Exception) -> str:
    """The error's type and place; its text may carry a number or a payload."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame else "?"
    return f"{type(error).__name__} in {place}"


@shared_task
def sweep() -> None:
    """Clear the payloads of commands answered long ago."""
    ledger.sweep()


@shared_task
def refresh_accounts() -> None:
    """Ask the XMPP server again about accounts it told us of long ago."""
    rosters = Prosody()
    if rosters.ready():
        directory.refresh(lambda jids: rosters.exist(jids, time.time() + TURN))
