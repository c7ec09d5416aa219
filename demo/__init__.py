"""A private Prosody, a small client, and the programs that use both.

Nothing here is needed in production: only `make run`, `make demo` and the tests use
it.
"""
