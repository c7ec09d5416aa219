"""The kit tries both packages, as the example programs use them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.server import descendants, is_alive
from tests.ports import free_port
from tests.service import ROOT

CLIENTS, VENDOR = ROOT / "docs" / "clients", ROOT / "tests" / "clients" / "vendor"
KIT = [sys.executable, "-m", "demo.conformance"]
PAUSE = "1"  # second, of the clients under test


def kit(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ports = [str(free_port()) for _ in range(3)]
    return subprocess.run(
        [*KIT, "--pause", PAUSE, "--jobs", "16", "--ports", *ports, *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_python_package_does_all_as_the_contract_says():
    program = f"{sys.executable} -W error {CLIENTS / 'example.py'}"
    where = "{jid} {service} --server {server} --no-tls --pause {pause}"
    package = str(ROOT / "clients" / "python" / "src")
    done = kit("--run", f"{program} {where}", PYTHONPATH=package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" fine\n") >= 21


def test_the_javascript_package_does_all_as_the_contract_says(tmp_path: Path):
    modules = tmp_path / "node_modules"
    modules.mkdir()
    (modules / "strophe.js").symlink_to(VENDOR / "strophe.js")
    (modules / "xmppservice-client").symlink_to(ROOT / "clients" / "javascript")
    program = shutil.copy(CLIENTS / "example.mjs", tmp_path)
    where = "{jid} {service} {websocket}"
    done = kit("--run", f"node {program} {where}", PAUSE=PAUSE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" fine\n") >= 21


def test_a_client_that_does_nothing_is_reported():
    done = kit("--only", "plain", "late", "--run", f"{sys.executable} -c pass")
    assert done.returncode == 1
    assert done.stdout.count("The client did not come, or sent nothing.") == 2


def test_a_program_that_fails_is_reported_with_its_last_lines():
    done = kit("--only", "plain", "--run", f"{sys.executable} -c 1/0")
    assert "It ended with code 1:\n    Traceback" in done.stdout
    assert "    ZeroDivisionError: division by zero\n" in done.stdout


def test_a_client_may_come_back_with_the_same_resource():
    program = f"{sys.executable} {CLIENTS / 'example.py'}"
    where = "{jid}/phone {service} --server {server} --no-tls --pause {pause}"
    package = str(ROOT / "clients" / "python" / "src")
    names = ["--only", "interrupted", "large"]
    done = kit(*names, "--run", f"{program} {where}", PYTHONPATH=package)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--run", "/no/such/program {jid}"], "no such program"),
        (["--run", ""], "no such program"),
        (["--run", "echo {name}"], "write other braces twice"),
        (["--run", "echo '"], "No closing quotation"),
        (["--run", "true", "--jobs", "0"], "must be 1 or more"),
        (["--run", "true", "--pause", "nan"], "must be more than 0 seconds"),
        (["--ports", "1", "2", "2"], "the three ports must differ"),
        (["--ports", "1", "2", "70000"], "must be from 1 to 65535"),
    ],
)
def test_unusable_options_are_refused_in_a_sentence(words, sentence):
    done = kit(*words)
    assert done.returncode == 2
    assert sentence in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_a_kit_that_is_stopped(by: signal.Signals, tmp_path: Path):
    ports = [str(free_port()) for _ in range(3)]
    words = ["--only", "plain", "--ports", *ports]
    started = tmp_path / "started"
    command = f"sh -c 'touch {started}; sleep 1000; true'"
    running = subprocess.Popen(
        [*KIT, *words, "--run", command],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    # Prosody, the shell, and what it runs.
    while not started.exists() or len(descendants(running.pid)) < 3:
        assert running.poll() is None
        time.sleep(0.05)
    processes = descendants(running.pid)
    running.send_signal(by)

    try:
        assert running.wait(30) == 130
    finally:
        running.kill()
    assert list(filter(is_alive, processes)) == []
    assert list(tmp_path.iterdir()) == [started]
