"""What a package says of itself: asked for before anything is written, and taken from the dataset file as it is now.

A run's plan holds the dataset file as it was then. What `publish` says, and where a stay was, follow from no image and change no
number: who adds a licence needs no new run.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset

_PLACE = ("latitude", "longitude", "depth_m")

ASKED = {
    "project": "project: {title: NAME OF THE PROJECT, sampling_design: opportunistic}",
    "contributors": "contributors: [{name: YOUR NAME, role: contact}]",
    "licence": "licence: CC-BY-4.0",
    "handle": "handle: https://hdl.handle.net/YOUR/SET",
}
"""How each field of `publish` is written, for whoever has to add it."""


def missing_fields(dataset: Dataset, *names: str) -> list[str]:
    """Name the line to add for what `publish` lacks: one line, however many fields; none where nothing is missing.

    Args:
        dataset: As its file is now.
        names: Of fields in `ASKED`.
    """
    lacking = [ASKED[name] for name in names if not getattr(dataset.publish, name)]
    return [f"publish: {{{', '.join(lacking)}}}"] if lacking else []


def missing_places(dataset: Dataset) -> list[str]:
    """Name the line to add where no stay of a camera has a position; where some have one, the others are counted."""
    if any(stay.latitude is not None and stay.longitude is not None for stay in dataset.deployments):
        return []
    if dataset.deployments:
        stay = dataset.deployments[0]
        return [f"latitude: 41.18 and longitude: 1.75 in deployments, first in {stay.name} of camera {stay.camera}"]
    return ["deployments: [{name: NAME, camera: CAMERA, start: 2026-01-01, latitude: 41.18, longitude: 1.75}]"]


def missing_days(dataset: Dataset) -> list[str]:
    """Name the line to add, and the run that it takes, where no table has days."""
    if "day" in dataset.report.bins:
        return []
    widths = ", ".join([*dataset.report.bins, "day"])
    return [f"report: {{bins: [{widths}]}} and a new run, which infers nothing"]


def as_published(plan: StoredPlan, dataset: Dataset) -> StoredPlan:
    """Let a plan say what the dataset file says now of `publish`, and of where its stays were.

    Args:
        plan: Of the run that is exported.
        dataset: As its file is now.
    """
    now = {(stay.camera, stay.name): stay for stay in dataset.deployments}
    stays = []
    for stored in plan.settings_json.get("deployments", ()):
        found = now.get((stored["camera"], stored["name"]))
        place = {} if found is None else {name: getattr(found, name) for name in _PLACE}
        stays.append({**stored, **place})
    said: Mapping[str, Any] = {
        **plan.settings_json,
        "deployments": stays,
        "publish": dataset.publish.model_dump(mode="json"),
    }
    return replace(plan, settings_json=said)
