"""The progress of an installation, as demo/packages.py shows it."""

import io

from demo import packages


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(total: int, output: io.StringIO) -> packages.Progress:
    return packages.Progress(total, output)


def read(one: packages.Progress, *lines: str) -> None:
    for line in lines:
        one.read(f"{line}\n")


def test_a_terminal_updates_the_progress_in_place():
    output = Terminal()
    one = progress(3, output)

    read(one, "Ignoring tzdata: markers do not match", "Collecting django==5.2.8")
    one.show()
    read(one, "Processing ./celery-5.7.0.whl", "  Downloading x.whl (1 MB)")
    one.show(finished=True)

    assert output.getvalue() == (
        "\rPython packages: 1 of 2 fetched, 0 installed"
        "\rPython packages: 2 of 2 fetched, all installed\n"
    )


def test_a_log_gets_a_line_now_and_then():
    output = io.StringIO()
    one = progress(60, output)

    for number in range(60):
        read(one, f"Collecting package-{number}==1")
        one.show()
    one.show(finished=True)

    assert output.getvalue().splitlines() == [
        "Python packages: 25 of 60 fetched, 0 installed",
        "Python packages: 50 of 60 fetched, 0 installed",
        "Python packages: 60 of 60 fetched, all installed",
    ]


def test_each_entry_of_a_lock_is_counted():
    lock = "a==1 \\\n    --hash=sha256:0\n# via b\nb-c==2 ; python_version < '3'\n"
    assert len(packages.ENTRY.findall(lock)) == 2


def test_an_installation_that_fails_says_why(tmp_path, capfd):
    lock = tmp_path / "requirements.txt"
    lock.write_text("no-such-package==1 --hash=sha256:" + 64 * "0" + "\n")

    code = packages.main(lock, ["--no-index", "--dry-run"])

    assert code
    said = capfd.readouterr().err
    assert "no-such-package==1" in said
    assert "pip failed, see above." in said
