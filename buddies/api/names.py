"""The names that the API has for the fields of an item."""

from buddies.document.shape import FLAGS, INFO, SCHEDULE

WIRE_NAMES = {
    "server_address": "serverAddress",
    **{field: key for key, field in SCHEDULE.items()},
    **{field: key for key, field in FLAGS.items()},
    **{field: f"info.{key}" for key, field in INFO.items()},
}
_MODEL_NAMES = {wire: field for field, wire in WIRE_NAMES.items()}


def wire_name(field: str) -> str:
    return WIRE_NAMES.get(field, field)


def model_name(name: str) -> str:
    return _MODEL_NAMES.get(name, name)
