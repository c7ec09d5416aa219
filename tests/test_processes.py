"""Processes that the tests start end with the tests."""

import os

from demo.server import is_alive
from tests.processes import Process
from tests.service import until


async def test_children_of_a_process_end_with_it(tmp_path):
    log = tmp_path / "log"
    shell = ["sh", "-c", "sleep 300 & echo $!; wait"]
    process = Process("shell", shell, os.environ, log)
    process.start()
    try:
        left = int(await until(lambda: log.exists() and log.read_text().strip()))
        assert is_alive(left)
    finally:
        process.stop()
    await until(lambda: not is_alive(left))
