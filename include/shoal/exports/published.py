"""What a package says of itself: asked for before anything is written.

It is read in the dataset file as it is now, not as it was when a run was planned: who adds a licence needs no new run.
"""

from shoal.contract.errors import ConfigError
from shoal.exports.export import Answer
from shoal.settings.dataset import Dataset
from shoal.settings.publish import Licence, Project

ASKED = {
    "project": "project: {title: NAME OF THE PROJECT, sampling_design: opportunistic}",
    "contributors": "contributors: [{name: YOUR NAME, role: contact}]",
    "licence": "licence: CC-BY-4.0",
    "handle": "handle: https://hdl.handle.net/YOUR/SET",
    "coordinate_digits": "coordinate_digits: 4",
}
"""How each field of `publish` is written, for whoever has to add it."""


def missing_fields(dataset: Dataset, *names: str) -> list[str]:
    """Name the line to add for what `publish` lacks: one line, however many fields; none where nothing is missing.

    Args:
        dataset: As its file is now.
        names: Of fields in `ASKED`.
    """
    lacking = [ASKED[name] for name in names if getattr(dataset.publish, name) in {None, "", ()}]
    return [f"publish: {{{', '.join(lacking)}}}"] if lacking else []


def missing_places(dataset: Dataset) -> list[str]:
    """Name the line to add where no stay of a camera has a position; where some have one, the others are counted."""
    if any(stay.latitude is not None and stay.longitude is not None for stay in dataset.deployments):
        return []
    if dataset.deployments:
        stay = dataset.deployments[0]
        return [f"latitude: 41.18 and longitude: 1.75 in deployments, first in {stay.name} of camera {stay.camera}"]
    return ["deployments: [{name: NAME, camera: CAMERA, start: 2026-01-01, latitude: 41.18, longitude: 1.75}]"]


def missing_depths(dataset: Dataset) -> list[str]:
    """Name the line to add where a stay with a position has no depth."""
    for stay in dataset.deployments:
        if stay.latitude is not None and stay.longitude is not None and stay.depth_m is None:
            return [f"depth_m: 20.0 in deployments with a position, first in {stay.name} of camera {stay.camera}"]
    return []


def said_project(answer: Answer) -> tuple[Project, Licence]:
    """Give what `missing` asked for.

    Raises:
        ConfigError: Nobody asked.
    """
    publish = answer.described.publish
    if publish.project is None or publish.licence is None:
        raise ConfigError("publish.project and publish.licence are not said - add them to the dataset file")
    return publish.project, publish.licence
