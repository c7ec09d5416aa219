"""What logs may contain about a user."""

from xmppservice.protocol import redaction


def test_an_alias_is_stable_and_contains_no_number():
    alias = redaction.alias("00393471111111@localhost/phone")

    assert alias == redaction.alias("00393471111111@localhost")
    assert alias != redaction.alias("00393472222222@localhost")
    assert alias.endswith("@localhost")
    assert "3471111111" not in alias
