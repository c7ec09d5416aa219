"""Beat's schedule has each periodic task, and no other."""

from django.conf import settings

from xmppservice.celery import app

PERIODIC = {
    "buddies.tasks.check_answerers",
    "buddies.tasks.sync_vcard",
    "buddies.tasks.thin_releases",
    "roster.tasks.expire_contacts",
    "roster.tasks.join_late",
    "roster.tasks.refresh_accounts",
    "roster.tasks.clean_up",
}


def test_each_periodic_task_is_on_the_schedule():
    app.loader.import_default_modules()
    scheduled = {one["task"] for one in settings.CELERY_BEAT_SCHEDULE.values()}

    assert scheduled == PERIODIC
    assert scheduled <= app.tasks.keys()
