#!/usr/bin/env python
"""Django's command-line utility for administrative tasks."""

import os
import sys

INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended


def main() -> None:
    """Run administrative tasks.

    What an operator can mend is reported in one sentence; --traceback shows all.
    """
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        sentence = explanation(error)
        if sentence is None or "--traceback" in sys.argv:
            raise
        sys.exit(sentence)


def run() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as exc:
        raise ImportError(
            "Couldn't import Django. Are you sure it's installed and "
            "available on your PYTHONPATH environment variable? Did you "
            "forget to activate a virtual environment?"
        ) from exc
    execute_from_command_line(sys.argv)


def explanation(error: Exception) -> str | None:
    """Return the sentence for an error that an operator can mend, else None."""
    try:
        from xmppservice.runtime import startup
    except ImportError:  # Django is missing, and that is the error
        return None
    return startup.explanation(error)


if __name__ == "__main__":
    main()
