"""A model's classes beside what a dataset file says of them, and the lines that are missing, ready to paste."""

import re
from collections.abc import Iterator, Mapping, Sequence

from shoal.contract.errors import shown
from shoal.contract.shown_keys import quoted_key
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import role_of, taxon_of

_COLUMNS = ("class", "taxon", "AphiaID", "GBIF key", "common name", "mobility", "parent", "role")
_NO = "-"
_LONGEST = 40
"""Characters of a cell."""

_BINOMIAL = re.compile(r"([A-Z][a-z]{2,}) ([a-z][a-z-]{2,}(?: [a-z][a-z-]{2,})?)")
_GENUS = re.compile(r"([A-Z][a-z]{2,}) (?:sp|spp)\.?")
_PEOPLE = frozenset(
    word + plural
    for word in ("person", "human", "diver", "freediver", "swimmer", "snorkeler", "snorkeller")
    for plural in ("", "s")
) | {"people", "homo", "man", "men", "woman", "women", "child", "children"}
_WORDS = re.compile(r"[a-z]+")


def table_lines(names: Sequence[str], taxa: Mapping[str, Taxon]) -> Iterator[str]:
    """Write a table of the model's classes, and what the file says of each."""
    rows = [_COLUMNS, *(_row(name, taxa) for name in names)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(name: str, taxa: Mapping[str, Taxon]) -> tuple[str, ...]:
    entry = taxa.get(name)
    if entry is None:
        return (shown(name, _LONGEST), "not in the file", *[_NO] * (len(_COLUMNS) - 3), "count")
    if entry.merge_into:
        return (
            shown(name, _LONGEST),
            f"into {shown(entry.merge_into, _LONGEST)}",
            *[_NO] * (len(_COLUMNS) - 3),
            role_of(name, taxa),
        )
    said = (entry.aphia_id, entry.gbif_key, entry.vernacular, entry.mobility, entry.parent, entry.role)
    cells = (_NO if cell is None else shown(str(cell), _LONGEST) for cell in said)
    return (shown(name, _LONGEST), shown(taxon_of(name, taxa), _LONGEST), *cells)


def without_id(names: Sequence[str], taxa: Mapping[str, Taxon]) -> list[str]:
    """List the taxa that count and have neither AphiaID nor GBIF key, each once."""
    known = {taxon_of(name, taxa) for name in names if (own := taxa.get(name)) and (own.aphia_id or own.gbif_key)}
    counted = (taxon_of(name, taxa) for name in names if taxa.get(name, Taxon()).role == "count")
    return [taxon for taxon in dict.fromkeys(counted) if taxon not in known]


def lines_to_add(names: Sequence[str], taxa: Mapping[str, Taxon]) -> Iterator[str]:
    """Write the entries that a dataset file lacks, as they stand below `taxa`.

    What a class name may tell is written as a question, never filled in: by its form `Sea urchin` is a scientific name, too.
    """
    for name in names:
        if name in taxa:
            continue
        scientific, parent = (None, None) if is_people(name) else read_scientific(name)
        yield f"  {_key(name)}:"
        yield f"    scientific_name: null  # {_scientific_question(name, scientific)}"
        yield "    aphia_id: null         # its number in WoRMS (marinespecies.org)"
        yield "    vernacular: null       # its common name"
        yield "    mobility: null         # mobile or sessile"
        yield f"    parent: null{f'           # {parent}?' if parent else ''}"
        if is_people(name):
            yield "    role: human            # counted nowhere, and no picture of these images is ever drawn; or exclude_image"


def read_scientific(class_name: str) -> tuple[str | None, str | None]:
    """Guess a scientific name, and the genus above it, by the form of a name: `Coris_julis`, `Coris sp.`; None for none."""
    text = " ".join(class_name.replace("_", " ").split())
    if found := _BINOMIAL.fullmatch(text):
        return text, found[1]
    if found := _GENUS.fullmatch(text):
        return found[1], None
    return None, None


def is_people(class_name: str) -> bool:
    """Whether a word of a class name says that it is of people, such as that of `Scuba_Diver`."""
    return not _PEOPLE.isdisjoint(_WORDS.findall(class_name.lower()))


def _scientific_question(name: str, scientific: str | None) -> str:
    if scientific is None:
        return f"{shown(name, _LONGEST)} reads like none; it counts under that name all the same"
    return f"{scientific}? To be checked; until then it counts as {shown(name, _LONGEST)}"


def _key(name: str) -> str:
    return name if _BINOMIAL.fullmatch(name) else quoted_key(name)
