"""A Prosody of our own, a small client, and the programs that use both.

Nothing here is needed in production: `make run`, `make demo` and the tests are
the callers.
"""
