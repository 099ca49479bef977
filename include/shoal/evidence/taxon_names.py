"""As which taxon of an answer a person's word counts: names as the answer has them, or as its model's classes are called."""

from collections.abc import Mapping

from shoal.answers.find import StoredRun
from shoal.settings.taxa import COUNT, role_of, taxon_of

NOTHING_HERE = "nothing"
"""The word that lists offer for an image that shows none of the taxa: tools that export boxes alone need it."""

NOTHING = frozenset({"nothing", "empty", "blank"})
"""Words for an image that somebody looked at and saw nothing in; not where a dataset has a class of that name."""


def counted_names(run: StoredRun) -> dict[str, str]:
    """Give the taxon of each name that counts, written small: classes, what they are merged into, and taxa without a class."""
    taxa = run.plan.settings.taxa
    names = [*taxa, *run.plan.names]
    found = {name: taxon_of(name, taxa) for name in names if role_of(name, taxa) == COUNT}
    found |= {species["taxon"]: species["taxon"] for species in run.summary.result["species"]}
    return {name.strip().casefold(): taxon for name, taxon in {**{one: one for one in found.values()}, **found}.items()}


def other_names(run: StoredRun) -> frozenset[str]:
    """Give the names that the dataset knows and that do not count: people, and what is ignored."""
    taxa = run.plan.settings.taxa
    return frozenset(name.strip().casefold() for name in (*taxa, *run.plan.names) if role_of(name, taxa) != COUNT)


def is_nothing(label: str, known: Mapping[str, str]) -> bool:
    """Whether a word says that nothing is there."""
    small = label.strip().casefold()
    return small in NOTHING and small not in known
