"""What a log may say of a user."""

from xmppservice.protocol import redaction


def test_an_alias_is_the_same_each_time_and_no_number():
    alias = redaction.alias("00393471111111@localhost/phone")

    assert alias == redaction.alias("00393471111111@localhost")
    assert alias != redaction.alias("00393472222222@localhost")
    assert alias.endswith("@localhost")
    assert "3471111111" not in alias
