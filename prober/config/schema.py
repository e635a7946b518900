"""The JSON Schema of the configuration, for editors."""

from typing import Any

from prober.config.file import File


def schema() -> dict[str, Any]:
    """Return the schema of prober.yaml; what passes it may still be refused."""
    # So that defaults are written as a file has them: 30d, not nanoseconds.
    document = File.model_json_schema(mode="serialization")
    parts = document["$defs"]
    inherited = {**parts["Objective"]}
    # What the defaults leave open, each environment has to bring.
    del inherited["required"]
    parts["Defaults"]["properties"]["objective"] = inherited
    for named in (
        document["properties"]["environments"],
        parts["Environment"]["properties"]["consumers"],
    ):
        named["additionalProperties"] = False  # of other than the pattern's names
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **document,
        "title": "prober.yaml",
    }
