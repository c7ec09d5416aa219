"""Errors of the tree, of campaigns and of releases, as those of the API."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from rest_framework.exceptions import ValidationError

from buddies.api.names import WIRE_NAMES
from buddies.publishing.draft import ReleaseError
from buddies.tree.lock import TreeError
from xmppservice.api import problems


@contextmanager
def plain_errors(
    sent: Any = None, names: Mapping[str, str] = WIRE_NAMES
) -> Iterator[None]:
    """Turn errors of the model, the tree and the releases into API errors.

    ``sent`` is the request's data, ``names`` has its names of the model's fields.
    """
    try:
        yield
    except (TreeError, ReleaseError) as error:
        raise problems.Conflict(str(error)) from None
    except ModelError as error:
        reasons = problems.where_sent(error.message_dict, sent, names)
        raise ValidationError(reasons) from None
