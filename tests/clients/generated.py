"""A Python client that openapi-python-client makes of the API's description."""

from pathlib import Path

from django.core.management import call_command
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType


def generate_client(folder: Path) -> None:
    """Write the package ``generated_client`` to a folder, with every operation."""
    description = folder / "description.json"
    call_command("spectacular", file=str(description), format="openapi-json")
    config = Config.from_sources(
        ConfigFile(post_hooks=[]),
        MetaType.NONE,
        document_source=description,
        file_encoding="utf-8",
        overwrite=False,
        output_path=folder / "generated_client",
    )
    assert generate(config=config) == []
