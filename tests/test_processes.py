"""Processes that the tests start end with the tests."""

import os

from demo.server import lives
from tests.processes import Process
from tests.service import until


async def test_children_of_a_process_end_with_it(tmp_path):
    log = tmp_path / "log"
    shell = ["sh", "-c", "sleep 300 & echo $!; wait"]
    process = Process("shell", shell, os.environ, log)
    process.start()
    try:
        left = int(await until(lambda: log.exists() and log.read_text().strip()))
        assert lives(left)
    finally:
        process.stop()
    await until(lambda: not lives(left))
