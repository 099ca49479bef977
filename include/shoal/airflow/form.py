"""Airflow's trigger form, made from the parameters of a run."""

from functools import cache
from typing import Any

from airflow.sdk import Param

from shoal.settings.run_form import INSTANT, RunParams

FORM_KEYWORDS = {"pattern", "maxLength", "minimum", "maximum", "format"}


def run_form() -> dict[str, Any]:
    """Make Airflow's trigger form from RunParams: typed, described, checked when a run is triggered."""
    schema = _params_schema()
    return {name: _param(field, schema.get("$defs", {})) for name, field in schema["properties"].items()}


@cache
def _params_schema() -> dict[str, Any]:
    return RunParams.model_json_schema()


def _param(field: dict[str, Any], definitions: dict[str, Any]) -> Param:
    """Write one JSON schema property as a Param; Airflow's form wants `type: [x, null]` in place of anyOf."""
    options = field.get("anyOf", [field])
    keywords: dict[str, Any] = {"title": field["title"], "type": [option["type"] for option in options]}
    if any(option.get("format") == "date-time" for option in options):
        keywords["pattern"] = INSTANT  # jsonschema does not look at formats
    for option in options:
        keywords |= {key: value for key, value in option.items() if key in FORM_KEYWORDS}
        if "enum" in option:
            keywords["enum"] = [*option["enum"], None]
            keywords["values_display"] = {**{value: value for value in option["enum"]}, "null": "(empty)"}
        if "items" in option:
            values = definitions[option["items"]["$ref"].rsplit("/", 1)[-1]]["enum"]
            keywords |= {"items": {"type": "string", "enum": values}, "examples": values}
    return Param(field["default"], description_md=field["description"], **keywords)
