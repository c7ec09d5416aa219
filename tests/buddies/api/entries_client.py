"""URLs and a sample for the tests of entries."""

from buddies.models import Buddy

BUDDIES = "/api/buddies/"
DOCUMENT = "/api/document/"


def url(buddy: Buddy) -> str:
    return f"{BUDDIES}{buddy.pk}/"


ROMEO = {
    "address": "romeo",
    "serverAddress": "bots",
    "type": "channel",
    "mobileIsPublished": True,
    "webIsPublished": False,
    "info": {
        "name": "Romeo",
        "status": "banished",
        "imageUrl": "http://....",
        "thumbUrl": "http://....",
        "defaultMessage": " Soft!\\n\n ",
    },
}
