"""Serializers that refuse what they would otherwise ignore.

All serializers of the API derive from these. Source: decision 0045.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

MAX_NAMED = 100  # unknown fields, or rows with some, in one answer


class Serializer(serializers.Serializer):
    """Refuse fields that the serializer does not have; ignore read-only ones."""

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        # REST framework looks at the outermost serializer, its description here.
        self.partial = self.partial or getattr(parent, "partial", False)

    def to_internal_value(self, data: Any) -> Any:
        unknown = self.unknown(data)
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            if isinstance(error.detail, Mapping):
                raise ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise ValidationError(unknown)
        return values

    def unknown(self, data: Any) -> dict[str, str]:
        """Return the names in ``data`` that are no field, with the reason."""
        if not isinstance(data, Mapping) or not data.keys() - self.fields.keys():
            return {}
        known = [name for name, field in self.fields.items() if not field.read_only]
        names = (name for name in data if name not in self.fields)
        text = f"Unknown field. Known are: {', '.join(known) or 'none'}."
        return dict.fromkeys(islice(names, MAX_NAMED), text)


class ModelSerializer(Serializer, serializers.ModelSerializer):
    """The same, with the fields of a model."""


class BoundedList(serializers.ListField):
    """A list field that checks its length before its items."""

    default_error_messages = {"max_length": "Send at most {max_length}."}

    def to_internal_value(self, data: Any) -> list[Any]:
        assert self.max_length is not None
        if isinstance(data, list) and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        rows: list[Any] = super().to_internal_value(data)
        return rows
