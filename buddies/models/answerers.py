"""Who answers in the channels, as far as the XMPP server says."""

from django.db import models


class Answerer(models.Model):
    """An address of a served domain that channels lead to: does it have an account?

    Addresses of other domains are never here: nobody can say who answers there.
    """

    jid = models.CharField(max_length=3071, primary_key=True)
    has_account = models.BooleanField()
    checked_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.jid
