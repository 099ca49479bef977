"""The taxa of a dataset file against each other: merges end, nobody is above himself, people are merged into nothing."""

import hashlib
from collections.abc import Iterator, Mapping

from shoal.contract.errors import shown
from shoal.settings.analysis import Taxon

HUMAN = "human"
"""Role of classes that are people."""

COUNT = "count"
"""Role of classes that are counted."""


def check_taxa(taxa: Mapping[str, Taxon], *, by_hand: bool = False) -> None:
    """Check what entries say of each other.

    Args:
        taxa: The dataset file's.
        by_hand: Whether a person wrote them; what is stored was counted as its merges say, and stays readable.

    Raises:
        ValueError: A merge leads to a class that is merged itself, a person is counted as something else, a class has another
            role than what it is merged into, or parents go round.
    """
    above = _parents(taxa)
    for name, taxon in taxa.items():
        target = taxa.get(taxon.merge_into or "")
        if taxon.merge_into == name or (target is not None and target.merge_into):
            raise ValueError(
                f"taxa.{name}.merge_into {taxon.merge_into!r} - merge into a class that is not merged itself"
            )
        if taxon.merge_into and taxon.role == HUMAN and (target is None or target.role != HUMAN):
            raise ValueError(
                f"taxa.{name}: role: human and merge_into {taxon.merge_into!r}, which is counted - leave one of the two out"
            )
        if taxon.merge_into and by_hand and "role" in taxon.model_fields_set:
            _check_role(name, taxon, target or Taxon())
        if (own := taxon.scientific_name or name) in _line_above(own, above):
            raise ValueError(f"taxa.{name}.parent {taxon.parent!r} - the taxa above it lead back to itself")


def _check_role(name: str, taxon: Taxon, target: Taxon) -> None:
    """A merged class counts as its target does: another role beside the merge would do nothing."""
    if taxon.role != target.role:
        raise ValueError(
            f"taxa.{name}: role: {taxon.role} and merge_into {taxon.merge_into!r}, which has role {target.role} - leave one of "
            "the two out"
        )


def human_classes(taxa: Mapping[str, Taxon]) -> frozenset[str]:
    """List the classes that are people, also by what they are merged into."""
    people = {name for name, taxon in taxa.items() if taxon.role == HUMAN}
    return frozenset(people | {name for name, taxon in taxa.items() if taxon.merge_into in people})


def digest_of(taxa: Mapping[str, Taxon]) -> str:
    """Name what a dataset file says of its taxa: another word of any class, such as what it is merged into, is another name.

    Whatever is kept of answers has it in its name: who is a person, and as what a class counts, is as the file of today says.
    """
    said = sorted((name, str(taxon)) for name, taxon in taxa.items())
    return hashlib.sha256(repr(said).encode("utf-8", "surrogatepass")).hexdigest()


def taxon_of(class_name: str, taxa: Mapping[str, Taxon]) -> str:
    """Say under which name a class counts."""
    target = taxa.get(class_name, Taxon()).merge_into or class_name
    return taxa.get(target, Taxon()).scientific_name or target


def role_of(class_name: str, taxa: Mapping[str, Taxon]) -> str:
    """Say which role a class has: its own as a person, else that of what it is merged into."""
    own = taxa.get(class_name, Taxon())
    return HUMAN if own.role == HUMAN else taxa.get(own.merge_into or class_name, Taxon()).role


def taxa_above(class_name: str, taxa: Mapping[str, Taxon]) -> list[str]:
    """Name the taxa above what a class counts as, as far as the file tells, the next one first."""
    return _line_above(taxon_of(class_name, taxa), _parents(taxa))


def find_double_ids(names: Mapping[str, str], taxa: Mapping[str, Taxon]) -> Iterator[str]:
    """Say in a line each which taxa share an identifier, and which taxon has several.

    Args:
        names: The taxon of each class, after merges.
        taxa: The dataset file's.
    """
    for field, word in (("aphia_id", "AphiaID"), ("gbif_key", "GBIF key")):
        owners: dict[int, list[str]] = {}
        ids: dict[str, list[int]] = {}
        for class_name, taxon in sorted(names.items()):
            entry = taxa.get(class_name)
            number = None if entry is None or entry.merge_into else getattr(entry, field)
            if number is not None:
                if taxon not in owners.setdefault(number, []):
                    owners[number].append(taxon)
                if number not in ids.setdefault(taxon, []):
                    ids[taxon].append(number)
        for number, several in owners.items():
            if len(several) > 1:
                listed = " and ".join(shown(name, 80) for name in several)
                yield f"{listed} have one {word}, {number} - correct it where it is wrong, or merge_into one of them"
        for taxon, numbers in ids.items():
            if len(numbers) > 1:
                listed = " and ".join(map(str, numbers))
                yield f"{shown(taxon, 80)} has {len(numbers)} {word}s, {listed} - keep the right one"


def _parents(taxa: Mapping[str, Taxon]) -> dict[str, str]:
    """Say what stands above each taxon; an entry may also stand for a taxon above others that is no class of a model."""
    return {taxon.scientific_name or name: taxon.parent for name, taxon in taxa.items() if taxon.parent}


def _line_above(name: str, above: Mapping[str, str]) -> list[str]:
    """Walk up from a taxon, as far as the file tells, and no round twice."""
    line: list[str] = []
    parent = above.get(name)
    while parent is not None and parent not in line:
        line.append(parent)
        parent = above.get(parent)
    return line
