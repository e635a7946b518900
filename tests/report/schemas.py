"""The published schemas, for tests."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).parents[2] / "reports/schema"
NAMES = ("report", "window", "comparison")


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return what holds a document against one of the schemas."""
    schema = json.loads((FOLDER / f"{name}.v1.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.FormatChecker()
    )


def validate(document: Any) -> None:  # noqa: ANN401 - as any reader of JSON has it
    """Hold a document against the schema that it names."""
    name = document["schema"].removeprefix("prober.").removesuffix("/v1")
    validator(name).validate(document)
