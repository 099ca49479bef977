"""Images that show people are never shown: the one place that says which they are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import COUNT, HUMAN, human_classes, role_of, taxon_of

EVERY_BOX = ("stored_detections", "stored_below")
"""What holds every stored box of an answer, of whatever taxon: one that was asked for hides nobody."""


@dataclass(frozen=True)
class People:
    """Who is a person in an answer that may be older than what the dataset file says.

    Attributes:
        classes: Those of today; a box that is stored with role `human` is of a person anyway.
        taxa: As what they counted when the run was summarized: of boxes that overlap the best one alone was kept, which may be of
            another class of that taxon.
        any: Whether there is such a class at all, today or then.
    """

    classes: frozenset[str] = frozenset()
    taxa: frozenset[str] = frozenset()
    any: bool = False

    @property
    def is_person(self) -> str:
        """Write as SQL whether a stored box is of a person: also where a second model calls it something else."""
        named = f"{_among('class_name', self.classes)}{_among('first_class_name', self.classes)}"
        return f"(role = '{HUMAN}'{named})"


def people_of(result: Mapping[str, Any], run_key: str, taxa: Mapping[str, Taxon]) -> People:
    """Find who is a person in an answer, the one door for whatever shows images or says that they may be shown.

    Args:
        result: The summary's: what the classes were when it was counted.
        run_key: Its run.
        taxa: Those of the dataset file of today: who is a person now is one in every run.

    Raises:
        ConfigError: Its tables do not tell: one of these classes was left out of them.
    """
    then, classes = _taxa_then(result), human_classes(taxa)
    left_out = sorted(name for name in classes if role_of(name, then) == "ignore")
    if left_out:
        dataset = result["dataset"]
        raise ConfigError(
            f"Run {dataset}/{run_key} was summarized when class {shown(left_out[0], 80)!r}, now {HUMAN}, had role ignore: it "
            "does not tell which images show people, so none is shown - count it again, which infers nothing: "
            f"python -m shoal summarize {dataset} --publish"
        )
    known = bool(classes) or any(role_of(name, then) == HUMAN for name in then)
    return People(classes, frozenset(taxon_of(name, then) for name in classes), known)


def counted_as_people(result: Mapping[str, Any], taxa: Mapping[str, Taxon]) -> frozenset[str]:
    """Name the taxa of an answer that people of today were counted as: which of their numbers are people is not told.

    Args:
        result: The summary's.
        taxa: Those of the dataset file of today.
    """
    then = _taxa_then(result)
    return frozenset(taxon_of(name, then) for name in human_classes(taxa) if role_of(name, then) == COUNT)


def _taxa_then(result: Mapping[str, Any]) -> dict[str, Taxon]:
    return {
        name: Taxon(**{field: entry[field] for field in ("scientific_name", "role", "merge_into") if field in entry})
        for name, entry in result["settings"]["taxa"].items()
    }


def with_people(people: People = People(), views: Collection[str] = ("detections", "below")) -> str:
    """Write the query for the (key, object_version) of images that show people.

    Also a box below the threshold tells: a person at a score of 0.2 is one.

    Args:
        people: See `people_of`; nothing where the answer is of today.
        views: What holds every stored box.
    """
    said = f"{people.is_person}{_among('taxon', people.taxa)}"
    return " UNION ".join(f"SELECT key, object_version FROM {view} WHERE {said}" for view in views)


def _among(column: str, names: Collection[str]) -> str:
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(names))
    return f" OR {column} IN ({listed})" if listed else ""
