"""Form fields of a date and a time, in the site's time zone."""

import re
from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xmppservice.runtime.moments import occurs_twice, offset, resolve

_WITH_OFFSET = re.compile(r"\d\d:\d\d(:\d\d)? ?(Z|[+-]\d\d:\d\d)", re.ASCII)


class MomentInput(AdminSplitDateTime):
    """A date and a time, each with its own name for screen readers.

    A time that occurs twice has its offset, so that saving the form keeps it.
    """

    def __init__(self, date: Any, time: Any) -> None:
        super().__init__()
        for widget, name in zip(self.widgets, (date, time), strict=True):
            widget.attrs["aria-label"] = name
        self.widgets[1].attrs["size"] = 14  # with an offset

    def decompress(self, value: Any) -> Any:
        date, time = super().decompress(value)
        if value and occurs_twice(value):
            return [date, f"{time:%H:%M:%S}{offset(timezone.localtime(value))}"]
        return [date, time]


class ClockField(forms.TimeField):
    """A time, which may have an offset from UTC."""

    def to_python(self, value: Any) -> time | None:
        if not (isinstance(value, str) and _WITH_OFFSET.fullmatch(value.strip())):
            result: time | None = super().to_python(value)
            return result
        try:
            return time.fromisoformat(value.replace(" ", ""))
        except ValueError:
            text = self.error_messages["invalid"]
            raise ValidationError(text, code="invalid") from None


class MomentField(forms.DateTimeField):
    """A date and time in one input or cell: see :func:`moments.resolve`."""

    def to_python(self, value: Any) -> datetime | None:
        try:
            written: datetime | None = super().to_python(value)
        except ValidationError as error:
            written = _at_changing_clocks(error)
        return written and resolve(written)


def _at_changing_clocks(error: ValidationError) -> datetime:
    """Return what Django refused because clocks are changed; raise other errors."""
    if error.code != "ambiguous_timezone" or error.params is None:
        raise error
    written: datetime = error.params["datetime"]
    return written


class SplitMomentField(forms.SplitDateTimeField):
    """A date and a time in two inputs; one that occurs twice needs its offset."""

    default_error_messages = {
        **forms.SplitDateTimeField.default_error_messages,
        "invalid_date": gettext_lazy(
            "Enter a date such as 2026-12-31 or 31/12/2026, day first."
        ),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        clock = ClockField(error_messages=self.fields[1].error_messages, required=False)
        self.fields = (self.fields[0], clock)

    def compress(self, data_list: Any) -> datetime | None:
        try:
            written: datetime | None = super().compress(data_list)
        except ValidationError as error:
            written = _at_changing_clocks(error)
        if written is None:
            return None
        moment = resolve(written)
        local = timezone.localtime(moment)
        # Staff read this field in one time zone. The offset may have been left
        # behind when another date was chosen.
        if local.replace(tzinfo=None) != written.replace(tzinfo=None):
            text = _(
                "On that day, the offset of %(zone)s is %(offset)s: correct it, or "
                "leave it out."
            )
            zone = timezone.get_current_timezone_name()
            raise ValidationError(text % {"zone": zone, "offset": offset(local)})
        return moment
