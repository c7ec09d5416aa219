"""Derive the number of each account anew: only the JID of MSISDN_JID stands for one."""

from django.db import migrations

from roster import msisdn

BATCH_SIZE = 1_000


def derive(apps, schema_editor):
    Account = apps.get_model("roster", "Account")
    last = 0
    while rows := list(Account.objects.filter(pk__gt=last).order_by("pk")[:BATCH_SIZE]):
        last = rows[-1].pk
        moved = []
        for row in rows:
            number = msisdn.of_account(row.jid) or ""
            if number != row.msisdn:
                row.msisdn = number
                moved.append(row)
        Account.objects.bulk_update(moved, ["msisdn"])


class Migration(migrations.Migration):
    dependencies = [("roster", "0002_registered_anew")]

    operations = [migrations.RunPython(derive, migrations.RunPython.noop)]
