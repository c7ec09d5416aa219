"""Tries a client against everything that the contract says may happen to it.

``python -m demo.conformance`` starts an XMPP server with an account for each scenario,
and in the place of the service a program that answers late, twice, with errors, or not
at all. See docs/clients/conformance.md.
"""
