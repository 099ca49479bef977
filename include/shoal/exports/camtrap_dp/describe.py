"""datapackage.json: what a package holds, whose it is, where and when it was taken, and of which taxa."""

from collections.abc import Iterator, Mapping
from typing import Any

from shoal.answers.where import Where
from shoal.contract.hashing import canonical_sha256
from shoal.contract.units import utc_text
from shoal.exports.export import Answer
from shoal.exports.places import Places, newest_upload, precision_of
from shoal.exports.published import said_project
from shoal.exports.taxa import entries_of, gbif_address
from shoal.tables.session import Database

VERSION = "1.0.2"
SCHEMAS = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}/"


def describe(database: Database, answer: Answer, places: Places, where: Where) -> dict[str, Any]:
    """Describe a package.

    Reads: image_events, detections, person_boxes

    Args:
        database: A session with the tables of the package.
        answer: What is exported.
        places: The deployments.
        where: The part that was asked for.
    """
    publish = answer.described.publish
    project, licence = said_project(answer)
    identity = canonical_sha256([answer.result, where.to_json(), publish.model_dump(mode="json")])
    described: dict[str, Any] = {
        "resources": [_resource(name) for name in ("deployments", "media", "observations")],
        "profile": f"{SCHEMAS}camtrap-dp-profile.json",
        "name": answer.result["dataset"].replace("_", "-"),
        "id": str(database.value("SELECT uuid_of(?)", [identity])),
        "created": utc_text(newest_upload(database)),
        "title": publish.title or project.title,
        "contributors": [_contributor(one.model_dump(exclude_none=True)) for one in publish.contributors],
        "homepage": publish.handle,
        "sources": [{"title": "Shoal"}],
        "licenses": [{**_licence(licence.data), "scope": "data"}, {**_licence(licence.media), "scope": "media"}],
        "project": {
            "title": project.title,
            "acronym": project.acronym,
            "description": project.description,
            "path": project.url,
            "samplingDesign": project.sampling_design,
            "captureMethod": sorted({place.stay.capture_method or "timeLapse" for place in places.known}),
            "individualAnimals": False,
            "observationLevel": ["media", "event"],
        },
        "coordinatePrecision": precision_of(publish.coordinate_digits),
        "spatial": _spatial(places),
        "temporal": {
            "start": f"{min(place.start for place in places.known):%Y-%m-%d}",
            "end": f"{max(place.end for place in places.known):%Y-%m-%d}",
        },
        "taxonomic": list(_taxa(database, answer)),
        "references": [answer.plan.cite_model] if answer.plan.cite_model else None,
    }
    described["project"] = _said(described["project"])
    return _said(described)


def _resource(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{SCHEMAS}{name}-table-schema.json",
    }


def _contributor(said: Mapping[str, Any]) -> dict[str, Any]:
    names = {"name": "title", "url": "path"}
    return {names.get(name, name): value for name, value in said.items()}


def _licence(text: str) -> dict[str, str]:
    return {"path": text} if "://" in text else {"name": text}


def _spatial(places: Places) -> dict[str, Any]:
    west, east = (fold(place.longitude for place in places.known) for fold in (min, max))
    south, north = (fold(place.latitude for place in places.known) for fold in (min, max))
    if (west, south) == (east, north):
        return {"type": "Point", "coordinates": [west, south]}
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


def _taxa(database: Database, answer: Answer) -> Iterator[dict[str, Any]]:
    seen = "key IN (SELECT key FROM image_events)"
    animal = "role = 'count' AND (key, position) NOT IN (SELECT (key, position) FROM person_boxes)"
    found = f"SELECT DISTINCT taxon, aphia_id FROM detections WHERE {animal} AND {seen} ORDER BY ALL"
    entries = entries_of(answer.described.taxa)
    for taxon, aphia_id in database.run(found).fetchall():
        worms = aphia_id and f"urn:lsid:marinespecies.org:taxname:{aphia_id}"
        # No vernacularNames: they are told by language, which the dataset file does not say.
        yield _said({"scientificName": taxon, "taxonID": worms or gbif_address(entries.get(taxon))})


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
