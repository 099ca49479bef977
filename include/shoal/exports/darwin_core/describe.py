"""meta.xml, which tells the terms of the tables' columns, and eml.xml, which tells of the dataset (EML 2.2.0)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from shoal.answers.where import Where
from shoal.contract.hashing import canonical_sha256
from shoal.exports.export import Answer
from shoal.exports.places import Places, newest_upload
from shoal.exports.published import said_project
from shoal.settings.publish import Contributor
from shoal.tables.session import Database

_DWC = "http://rs.tdwg.org/dwc/terms/"
_DC = "http://purl.org/dc/terms/"
_EML = "https://eml.ecoinformatics.org/eml-2.2.0"
_OBIS = "http://rs.iobis.org/obis/terms/"

_DIALECT = (
    'encoding="UTF-8" fieldsTerminatedBy="," linesTerminatedBy="\\n" fieldsEnclosedBy="&quot;" ignoreHeaderLines="1"'
)

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold at all, escaped or not."""


class Table(NamedTuple):
    """A table of an archive.

    Attributes:
        row_type: What a row is.
        terms: Of its columns; the first is the event's identifier.
    """

    row_type: str
    terms: tuple[str, ...]


def _terms(*names: str) -> tuple[str, ...]:
    return tuple(name if "/" in name else f"{_DWC}{name}" for name in names)


EVENT = Table(
    f"{_DWC}Event",
    _terms(
        "eventID", "eventDate", "samplingProtocol", "sampleSizeValue", "sampleSizeUnit", "decimalLatitude", "decimalLongitude",
        "geodeticDatum", "coordinateUncertaintyInMeters", "coordinatePrecision", "minimumDepthInMeters", "maximumDepthInMeters",
        "locationID", "datasetName", f"{_DC}license", "eventRemarks", "parentEventID", "eventType",
    ),
)  # fmt: skip
OCCURRENCE = Table(
    f"{_DWC}Occurrence",
    _terms(
        "eventID", "occurrenceID", "eventDate", "scientificName", "scientificNameID", "basisOfRecord", "occurrenceStatus",
        "organismQuantity", "organismQuantityType", "identifiedBy", "identificationReferences",
        "identificationVerificationStatus", "associatedMedia", "occurrenceRemarks", "taxonID",
        "vernacularName",
    ),
)  # fmt: skip
MEASUREMENT = Table(
    f"{_OBIS}ExtendedMeasurementOrFact",
    _terms("eventID", "occurrenceID", "measurementType", "measurementValue", "measurementUnit", "measurementMethod"),
)


def write_meta(path: Path, tables: Mapping[str, Table]) -> None:
    """Write meta.xml; the first table is the core."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">',
    ]
    for number, (name, table) in enumerate(tables.items()):
        element, identifier = ("core", "id") if number == 0 else ("extension", "coreid")
        lines += [
            f'  <{element} {_DIALECT} rowType="{table.row_type}">',
            f"    <files><location>{name}</location></files>",
            f'    <{identifier} index="0"/>',
            *(f'    <field index="{index}" term="{term}"/>' for index, term in enumerate(table.terms)),
            f"  </{element}>",
        ]
    path.write_text("\n".join([*lines, "</archive>"]) + "\n", encoding="utf-8")


def write_eml(path: Path, database: Database, answer: Answer, places: Places, where: Where) -> None:
    """Write eml.xml."""
    publish = answer.described.publish
    project, licence = said_project(answer)
    identity = canonical_sha256([answer.result, where.to_json(), publish.model_dump(mode="json")])
    contacts = [one for one in publish.contributors if one.role == "contact"] or list(publish.contributors[:1])
    newest = newest_upload(database)
    west, east = (fold(place.longitude for place in places.known) for fold in (min, max))
    south, north = (fold(place.latitude for place in places.known) for fold in (min, max))
    package = quoteattr(str(database.value("SELECT uuid_of(?)", [identity])))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<eml:eml xmlns:eml="{_EML}" xml:lang="en" system="Shoal" packageId={package}>',
        "  <dataset>",
        f"    <title>{xml_text(publish.title or project.title)}</title>",
        *(line for one in publish.contributors for line in _party("creator", one)),
        f"    <pubDate>{newest:%Y-%m-%d}</pubDate>",
        f"    <abstract><para>{xml_text(project.description or project.title)}</para></abstract>",
        f"    <intellectualRights><para>{xml_text(licence.data)}</para></intellectualRights>",
        "    <coverage>",
        "      <geographicCoverage>",
        "        <geographicDescription>the positions of the cameras</geographicDescription>",
        "        <boundingCoordinates>",
        f"          <westBoundingCoordinate>{west}</westBoundingCoordinate>",
        f"          <eastBoundingCoordinate>{east}</eastBoundingCoordinate>",
        f"          <northBoundingCoordinate>{north}</northBoundingCoordinate>",
        f"          <southBoundingCoordinate>{south}</southBoundingCoordinate>",
        "        </boundingCoordinates>",
        "      </geographicCoverage>",
        "      <temporalCoverage><rangeOfDates>",
        f"        <beginDate><calendarDate>{min(place.start for place in places.known):%Y-%m-%d}</calendarDate></beginDate>",
        f"        <endDate><calendarDate>{max(place.end for place in places.known):%Y-%m-%d}</calendarDate></endDate>",
        "      </rangeOfDates></temporalCoverage>",
        "    </coverage>",
        *(line for one in contacts for line in _party("contact", one)),
        "  </dataset>",
        "</eml:eml>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def xml_text(text: str) -> str:
    """Write a text into XML; what that cannot hold is shown as �."""
    return escape(_NO_XML.sub("\ufffd", text))


def _party(element: str, one: Contributor) -> Iterator[str]:
    yield f"    <{element}>"
    yield f"      <individualName><surName>{xml_text(one.name)}</surName></individualName>"
    if one.organization:
        yield f"      <organizationName>{xml_text(one.organization)}</organizationName>"
    if one.email:
        yield f"      <electronicMailAddress>{xml_text(one.email)}</electronicMailAddress>"
    if one.url:
        yield f"      <onlineUrl>{xml_text(one.url)}</onlineUrl>"
    yield f"    </{element}>"
