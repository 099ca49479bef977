"""A model's classes beside what a dataset file says of them, and the lines that are missing, ready to paste."""

import re
from collections.abc import Iterator, Mapping, Sequence

from shoal.contract.errors import shown
from shoal.contract.shown_keys import quoted_key
from shoal.settings.analysis import Taxon

_COLUMNS = ("class", "taxon", "AphiaID", "GBIF key", "common name", "mobility", "parent", "role")
_NO = "-"
_LONGEST = 40
"""Characters of a cell."""

_BINOMIAL = re.compile(r"([A-Z][a-z]{2,}) ([a-z][a-z-]{2,}(?: [a-z][a-z-]{2,})?)")
_GENUS = re.compile(r"([A-Z][a-z]{2,}) (?:sp|spp)\.?")
_PEOPLE = frozenset({"person", "people", "human", "diver", "swimmer", "snorkeler", "homo sapiens"})


def taxon_of(class_name: str, taxa: Mapping[str, Taxon]) -> str:
    """Say under which name a class counts."""
    target = taxa.get(class_name, Taxon()).merge_into or class_name
    return taxa.get(target, Taxon()).scientific_name or target


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
            entry.role,
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
    """Write the entries that a dataset file lacks, as they stand below `taxa`; what a class name tells is filled in."""
    taken = {taxon_of(name, taxa) for name in names}
    for name in names:
        if name in taxa:
            continue
        scientific, parent = read_scientific(name)
        # One name for two classes would count them as one: that is for a person to say, by merge_into.
        is_double = scientific is not None and scientific != name and scientific in taken
        taken.add(scientific or name)
        yield f"  {_key(name)}:"
        yield f"    scientific_name: {_scientific_line(name, scientific, is_double=is_double)}"
        yield "    aphia_id: null         # its number in WoRMS (marinespecies.org)"
        yield "    vernacular: null       # its common name"
        yield "    mobility: null         # mobile or sessile"
        yield f"    parent: {parent or 'null'}"
        if name.lower().replace("_", " ") in _PEOPLE:
            yield "    role: human            # counted nowhere, and no picture of these images is ever drawn; or exclude_image"


def read_scientific(class_name: str) -> tuple[str | None, str | None]:
    """Read a scientific name, and the genus above it, from a class name such as `Coris_julis` or `Coris sp.`; None for none."""
    text = " ".join(class_name.replace("_", " ").split())
    if found := _BINOMIAL.fullmatch(text):
        return text, found[1]
    if found := _GENUS.fullmatch(text):
        return found[1], None
    return None, None


def _scientific_line(name: str, scientific: str | None, *, is_double: bool) -> str:
    if scientific is None:
        return f"null  # {shown(name, _LONGEST)} reads like none; it counts under that name all the same"
    if is_double:
        return f"null  # another class counts as {scientific}: write merge_into if the two are one"
    return scientific


def _key(name: str) -> str:
    return name if _BINOMIAL.fullmatch(name) else quoted_key(name)
