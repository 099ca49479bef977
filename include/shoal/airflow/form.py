"""Airflow's trigger form, made from the parameters of a run."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from airflow.sdk import Param

from shoal.settings.run_form import AN_INSTANT, INSTANT, WAYS_OUT, RunParams

FORM_KEYWORDS = {"pattern", "maxLength", "minimum", "maximum", "format", "examples"}

MORE_BY_MONTH = {
    "model_version": "In a backfill tick **Override parameters on existing runs**, or Airflow sends none of these "
    "parameters, not even to new runs. Choose Reprocess Behavior **All Runs** (on the command line --reprocess-behavior "
    "completed): with Missing Runs nothing starts for months that ran before, with whatever version.",
    "window_start": "For a single run: the first of a month, in UTC. A backfill leaves it empty.",
    "window_end": "For a single run: the first of the month after it. A backfill leaves it empty.",
}
"""What the form of `backfill_<dataset>` says besides."""


def run_form(more: Mapping[str, str] = MappingProxyType({}), versions: Sequence[str] = ()) -> dict[str, Any]:
    """Make Airflow's trigger form from RunParams: typed, described, checked when a run is triggered.

    Args:
        more: What is said of a parameter besides, by its name.
        versions: Model versions that are proposed; any other may be typed, such as one that came a minute ago.
    """
    schema = _params_schema()
    form = {
        name: _param(
            name,
            {**field, "description": " ".join([field["description"], *([more[name]] if name in more else [])])},
            schema.get("$defs", {}),
        )
        for name, field in schema["properties"].items()
    }
    if versions:
        known = form["model_version"]
        known.schema["examples"] = list(versions)
        known.schema["description_md"] += f" There are: {', '.join(f'`{version}`' for version in versions)}."
    return form


@cache
def _params_schema() -> dict[str, Any]:
    return RunParams.model_json_schema()


def _param(name: str, field: dict[str, Any], definitions: dict[str, Any]) -> Param:
    """Write one JSON schema property as a Param; Airflow's form wants `type: [x, null]` in place of anyOf."""
    options = field.get("anyOf", [field])
    kinds = [kind for option in options for kind in _kinds(option)]
    keywords: dict[str, Any] = {"title": field["title"], "type": kinds}
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
    if "pattern" in keywords:
        # Airflow refuses with "'v 2' does not match" and the pattern: what to write stands in it, where Python skips it.
        way_out = WAYS_OUT.get(name, f"write a time with its zone, such as {AN_INSTANT}")
        keywords["pattern"] = f"(?#{way_out})" + keywords["pattern"]
    return Param(field["default"], description_md=field["description"], **keywords)


def _kinds(option: dict[str, Any]) -> list[str]:
    kind = option["type"]
    return list(kind) if isinstance(kind, list) else [kind]
