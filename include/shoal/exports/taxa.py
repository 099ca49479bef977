"""What the dataset file says of a taxon beyond its AphiaID, for formats that have a place for it."""

from collections.abc import Mapping

from shoal.settings.analysis import Taxon


def entries_of(taxa: Mapping[str, Taxon]) -> dict[str, Taxon]:
    """Find the entry of each taxon by its name in the answer: of several classes with one name the first that says more.

    Args:
        taxa: The dataset file's, by class.
    """
    entries: dict[str, Taxon] = {}
    for name, entry in sorted(taxa.items()):
        own = entry.scientific_name or name
        if entry.merge_into is None and (own not in entries or not (entries[own].gbif_key or entries[own].vernacular)):
            entries[own] = entry
    return entries


def gbif_address(entry: Taxon | None) -> str | None:
    """Write a taxon's key in GBIF as its address; None where the dataset file says none."""
    return f"https://www.gbif.org/species/{entry.gbif_key}" if entry and entry.gbif_key else None
