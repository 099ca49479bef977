"""iFDO 2.1.0: an image set as marine imaging describes it, with boxes, outlines and classes as annotations (https://marine-imaging.com/fair/ifdos).

What its header says holds for every image that does not say otherwise, so that an image without a time or a position would be
given another one's: such images are left out and counted. An image in which nothing was found has an empty list of annotations.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar

from shoal.answers.where import Where
from shoal.contract.hashing import canonical_sha256
from shoal.contract.outlines import Point, corners_of, outlines_of
from shoal.exports.boxes import count_key_points, count_others, count_without_mask, view_pictures
from shoal.exports.export import Answer, Written
from shoal.exports.json_stream import json_text
from shoal.exports.named_images import name_images
from shoal.exports.places import Place, Places, count_unplaced, find_places, need_places
from shoal.exports.published import missing_depths, missing_fields, missing_places, said_project
from shoal.exports.whole_file import text_of, write_whole
from shoal.settings.dataset import Dataset
from shoal.settings.publish import Contributor
from shoal.tables.session import Database

VERSION = "v2.1.0"

_ITEMS = """
SELECT key, -1 AS position, image_id, content_sha256, address, captured_at, last_modified, places.name AS place, height
FROM named_images JOIN places USING (camera, deployment) {of_taxa}
WHERE use = 'used' AND captured_at IS NOT NULL AND NOT people AND content_sha256 IS NOT NULL
UNION ALL BY NAME
SELECT key, position, x1::DOUBLE AS x1, y1::DOUBLE AS y1, x2::DOUBLE AS x2, y2::DOUBLE AS y2,
    if(angle IS NULL, NULL, keypoints) AS turned,
    CASE WHEN area_px IS NOT NULL THEN mask END AS mask, taxon,
    round(coalesce(reclassified.confidence, confidence)::DOUBLE, 6) AS score,
    (reclassified IS NOT NULL)::INTEGER AS annotator
FROM detections WHERE role = 'count'
ORDER BY key, position
"""
"""An image, then its boxes: sorted they need no memory, as lists of the boxes of millions of images do. Boxes of images that are
not here follow none of their key. Who says what a box shows is the second of two models where that one named it."""

_OF_TAXA = "SEMI JOIN held_pictures USING (key)"

_OTHERS = """
SELECT count(*) FILTER (use IN ('unusable', 'failed')) AS "images that are not used, as unusable or failed",
    count(*) FILTER (use = 'used' AND people) AS "images with people",
    count(*) FILTER (use = 'used' AND NOT people AND content_sha256 IS NULL) AS "images without a hash of their content"
FROM named_images JOIN places USING (camera, deployment) WHERE captured_at IS NOT NULL
"""

_LABELS = """
SELECT taxon, CASE WHEN count(*) OVER (PARTITION BY aphia_id) = 1 THEN aphia_id END
FROM (SELECT taxon, min(aphia_id) AS aphia_id FROM detections
    WHERE role = 'count' AND (key, object_version) NOT IN (FROM people) GROUP BY taxon
) ORDER BY taxon
"""
"""Readers know a label by its identifier: two taxa with one AphiaID, which the dataset file should not say, go by their names."""


@dataclass(frozen=True)
class Ifdo:
    """ifdo.json."""

    name: ClassVar[str] = "ifdo"
    content_type: ClassVar[str] = "application/json"
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    def missing(self, dataset: Dataset) -> list[str]:
        """Ask for project, contributors, licence, the set's handle, positions and depths, and how good positions are.

        A set must say within how many metres they are, and digits of a file do not tell it: 41.20000 is 41.2 there.
        """
        said = missing_fields(dataset, "project", "contributors", "licence", "handle", "coordinate_digits")
        return [*said, *missing_places(dataset), *missing_depths(dataset)]

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream the items.

        Raises:
            ConfigError: Nothing asked for lies in a deployment with a position.
        """
        places = find_places(database, answer, where)
        need_places(database, self.name, "latitude, longitude and depth_m")
        name_images(database, answer)
        view_pictures(database, where)
        header = _header(database, answer, places, where)
        drawn = _Drawn()
        items = _ITEMS.format(of_taxa=_OF_TAXA if where.taxa else "")
        path = to / "ifdo.json"
        if path.exists():  # of an attempt that ended before it told what outlines cannot hold
            _write(database.stream(items), places, header, drawn, Path(os.devnull))
        write_whole(path, lambda part: _write(database.stream(items), places, header, drawn, part))
        [others] = database.records(_OTHERS)
        not_held = {**places.without, **count_unplaced(database), **places.unsaid_pauses("they are in no field")}
        if drawn.left_out:
            not_held["further parts and holes of masks (an annotation is one outline)"] = drawn.left_out
        beside = {
            **count_key_points(database),
            "masks of boxes that have none of their image's size": count_without_mask(database, answer),
        }
        not_held |= {what: count for what, count in beside.items() if count}
        return Written(
            (path,),
            {**not_held, **{what: int(count) for what, count in others.items() if count}, **count_others(database)},
        )


def _write(
    lines_of_images: Iterator[tuple[Any, ...]], places: Places, header: dict[str, Any], drawn: "_Drawn", path: Path
) -> None:
    labels = {label["name"]: label["id"] for label in header["image-annotation-labels"]}
    known = {place.name: _of_place(place) for place in places.known}
    annotators = [str(creator["id"]) for creator in header["image-annotation-creators"]]
    with text_of(path) as file:
        file.write(f'{{"image-set-header":{json_text(header)},\n"image-set-items":{{')
        number = 0
        for key, lines in groupby(lines_of_images, itemgetter(0)):
            image, *boxes = lines
            _, position, image_id, sha256, address, captured_at, last_modified, place, height, *_ = image
            if position >= 0:
                continue
            item = {
                "image-uuid": image_id,
                "image-hash-sha256": sha256,
                "image-handle": address,
                "image-datetime": _moment(captured_at),
                **known[place],
                "image-annotations": [
                    {
                        **drawn.shape(height, edges, turned, mask),
                        "labels": [_label(labels[taxon], score, annotators[annotator], last_modified)],
                    }
                    for *edges, turned, mask, taxon, score, annotator in (box[9:] for box in boxes)
                ],
            }
            file.write(f"{',' if number else ''}\n{json_text(key)}:{json_text(item)}")
            number += 1
        file.write("\n}}\n")


def _label(taxon: str, score: float, annotator: str, known_since: datetime) -> dict[str, Any]:
    """Write a label.

    When it was found is no part of the answer. The time of its image's upload stands there: it is in the listing, and no box of
    that image is older.
    """
    return {
        "label": taxon,
        "annotator": annotator,
        "created-at": f"{known_since:%Y-%m-%dT%H:%M:%SZ}",
        "confidence": score,
    }


@dataclass
class _Drawn:
    """Writes shapes, and counts what of masks an outline cannot hold."""

    left_out: int = 0

    def shape(
        self, height: int, edges: Sequence[float | None], turned: Sequence[float] | None, mask: str | None
    ) -> dict[str, Any]:
        """Write a box clockwise from its upper left corner, a mask as the outline of its largest part, what has no box as all."""
        x1, y1, x2, y2 = edges
        if x1 is None or y1 is None or x2 is None or y2 is None:
            return {"shape": "whole-image", "coordinates": [[]]}
        parts, holes = outlines_of(mask, height) if mask else ([], 0)
        if parts:
            self.left_out += len(parts) - 1 + holes
            return {"shape": "polygon", "coordinates": [_rounded([*parts[0], parts[0][0]])]}
        return {
            "shape": "rectangle",
            "coordinates": [_rounded(corners_of(turned) or [(x1, y1), (x2, y1), (x2, y2), (x1, y2)])],
        }


def _rounded(points: Sequence[Point]) -> list[float]:
    return [round(value, 2) for point in points for value in point]


def _header(database: Database, answer: Answer, places: Places, where: Where) -> dict[str, Any]:
    publish, plan = answer.described.publish, answer.plan
    creators = [(plan.model, plan.cite_first), *([(plan.then.model, plan.cite_then)] if plan.then else [])]
    project, licence = said_project(answer)
    identity = canonical_sha256([answer.result, where.to_json(), publish.model_dump(mode="json")])
    named = {"name": project.title, **({"uri": project.url} if project.url else {})}
    uri = {"uri": licence.media} if "://" in licence.media else {}
    return {
        "image-set-name": publish.title or project.title,
        "image-set-uuid": str(database.value("SELECT uuid_of(?)", [identity])),
        "image-set-handle": publish.handle,
        "image-set-ifdo-version": VERSION,
        "image-datetime": _moment(min(place.start for place in places.known)),
        **_of_place(places.known[0]),
        "image-coordinate-reference-system": "EPSG:4326",
        "image-context": named,
        "image-project": named,
        "image-platform": {"name": "fixed camera"},
        "image-pi": _person(_first(publish.contributors, "principalInvestigator", "contact")),
        "image-creators": [_person(one) for one in publish.contributors],
        "image-license": {"name": licence.media, **uri},
        "image-copyright": _first(publish.contributors, "rightsHolder", "principalInvestigator", "contact").name,
        "image-abstract": project.description or project.title,
        "image-acquisition": "photo",
        "image-deployment": "stationary",
        "image-annotation-labels": list(_labels(database)),
        "image-annotation-creators": [
            {"id": f"sha256:{one.sha256}", "name": "; ".join(filter(None, [f"{one}, a machine", cited]))}
            for one, cited in creators
        ],
    }


def _of_place(place: Place) -> dict[str, Any]:
    return {
        "image-latitude": place.latitude,
        "image-longitude": place.longitude,
        "image-altitude-meters": -(place.stay.depth_m or 0.0) + 0.0,
        "image-coordinate-uncertainty-meters": place.uncertainty_m,
        "image-event": {"name": place.stay.name},
        "image-sensor": {"name": place.stay.camera},
    }


def _labels(database: Database) -> Iterator[dict[str, str]]:
    for taxon, aphia_id in database.run(_LABELS).fetchall():
        yield {"id": taxon if aphia_id is None else f"urn:lsid:marinespecies.org:taxname:{aphia_id}", "name": taxon}


def _first(contributors: Sequence[Contributor], *roles: str) -> Contributor:
    for role in roles:
        for one in contributors:
            if one.role == role:
                return one
    return contributors[0]


def _person(one: Contributor) -> dict[str, str]:
    return {"name": one.name, **({"uri": one.url} if one.url else {})}


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


IFDO = Ifdo()
