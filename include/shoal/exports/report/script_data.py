"""What the report's script draws from: `explore` with names as people see them, their colours, and no more."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from shoal.contract.errors import shown
from shoal.pictures.colours import colours_of

DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")

CAUSES = {
    "no_image": "no used image",
    "not_working": "said not to have worked",
    "no_deployment": "between deployments",
}

MOST_EVENT_PLACES = 40
"""Cameras and deployments whose events are drawn; all are in the table per camera."""

FIRST_SHOWN = 8
"""Species that are drawn before the reader chooses others."""


def looks_of(taxa: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give each taxon its colour, and a kind of line and of point that tells it from others of that colour."""
    colours, met = colours_of(taxa), Counter[str]()
    looks = {}
    for name in sorted(taxa):
        number = met[colours[name]]
        met[colours[name]] += 1
        looks[name] = {
            "colour": colours[name], "dash": DASHES[number % len(DASHES)], "shape": SHAPES[number % len(SHAPES)],
        }  # fmt: skip
    return looks


WHOLE_IMAGES = {"mean": "share of images", "detections": "Classified as it", "boxes": "images"}
"""What charts of a classifier say where others speak of detections and boxes."""


def script_data(explore: Mapping[str, Any], *, whole_images: bool = False) -> dict[str, Any]:
    """Take from `explore` what is drawn; series stand by the number of their camera."""
    zone = ZoneInfo(explore["zone"])
    looks = looks_of([taxon["taxon"] for taxon in explore["taxa"]])
    numbers = {camera["camera"]: number for number, camera in enumerate(explore["cameras"])}
    return {
        "zone": explore["zone"],
        "stored_conf": explore["stored_conf"],
        "causes": CAUSES,
        **({"words": WHOLE_IMAGES} if whole_images else {}),
        "cameras": [_camera(camera, zone) for camera in explore["cameras"]],
        "taxa": [
            {
                "name": shown(taxon["taxon"]),
                **looks[taxon["taxon"]],
                "conf": taxon["conf"],
                "scores": taxon["scores"],
                "series": {numbers[line["camera"]]: _without(line, "camera") for line in taxon["series"]},
            }
            for taxon in explore["taxa"]
        ],
    }


def event_data(result: Mapping[str, Any], explore: Mapping[str, Any]) -> dict[str, Any]:
    """Give the mean MaxN of events of each camera and deployment that tells events, for what `explore` tells of.

    Returns:
        `places`, in words, and `rows`: number of the place, number of the taxon, mean, events that saw it, events.
    """
    taxa = {taxon["taxon"]: number for number, taxon in enumerate(explore["taxa"])}
    cameras = {camera["camera"] for camera in explore["cameras"]}
    told = [
        entry
        for entry in result["series"]
        if entry["mean_maxn_of_events"] is not None and entry["taxon"] in taxa and entry["camera"] in cameras
    ]
    places = list(dict.fromkeys((entry["camera"], entry["deployment"]) for entry in told))[:MOST_EVENT_PLACES]
    numbers = {place: number for number, place in enumerate(places)}
    return {
        "places": [shown(camera if stay is None else f"{camera} · {stay}") for camera, stay in places],
        "left_out": len({(entry["camera"], entry["deployment"]) for entry in told}) - len(places),
        "rows": [
            [numbers[place], taxa[entry["taxon"]], entry["mean_maxn_of_events"], entry["events_with"], entry["events"]]
            for entry in told
            if (place := (entry["camera"], entry["deployment"])) in numbers
        ],
    }


def _camera(camera: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    stays = [{**_local(stay, zone), "name": shown(stay["deployment"])} for stay in camera["deployments"]]
    gaps = [_local(gap, zone) for gap in camera["gaps"]]
    return {**_without(camera, "camera"), "name": shown(camera["camera"]), "deployments": stays, "gaps": gaps}


def _local(span: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Write the ends of a span as a clock of the report's zone shows them, as bars stand at local dates."""
    ends = {edge: span[edge] and local_text(span[edge], zone) for edge in ("from", "to") if edge in span}
    return {**_without(span, "deployment"), **ends}


def local_text(instant: str, zone: ZoneInfo) -> str:
    """Write an instant in UTC as a clock of the zone shows it, in the form in which a script takes it for UTC."""
    return datetime.fromisoformat(instant).astimezone(zone).strftime("%Y-%m-%dT%H:%M:%SZ")


def _without(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


def within_script(value: object) -> str:
    """Write JSON so that nothing in it ends the element that holds it, begins a comment, or is a line break to a script."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def spans_days(explore: Mapping[str, Any]) -> bool:
    """Whether days are drawn first: where all of them are told, or nothing was left out that months would show."""
    return explore["left_out"]["since"]["day"] is None
