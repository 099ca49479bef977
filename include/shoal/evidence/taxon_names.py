"""As which taxon of an answer a person's word counts: names as the answer has them, or as its model's classes are called."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from shoal.answers.find import StoredRun
from shoal.settings.taxa import COUNT, role_of, taxon_of

NOTHING_HERE = "nothing"
"""The word that lists offer for an image that shows none of the taxa: tools that export boxes alone need it."""

NOTHING = frozenset({"nothing", "empty", "blank"})
"""Words for an image that somebody looked at and saw nothing in; not where a dataset has a class of that name."""


@dataclass(frozen=True)
class TaxonWords(Mapping[str, str]):
    """The taxon of each word that counts, small or large, with blanks around it or none.

    Where names of several taxa differ in that alone, a word is the one that is spelled so, and no other.

    Attributes:
        spelled: Taxon by name.
        loosely: Taxon by name without its blanks, and by name written small; without those that several taxa have.
    """

    spelled: Mapping[str, str]
    loosely: tuple[Mapping[str, str], ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Find the words."""
        object.__setattr__(self, "loosely", tuple(_only_ones(self.spelled, form) for form in _FORMS))

    def __getitem__(self, word: str) -> str:
        """Give the taxon of a word."""
        if word in self.spelled:
            return self.spelled[word]
        found = (of[form(word)] for form, of in zip(_FORMS, self.loosely, strict=True) if form(word) in of)
        if (taxon := next(found, None)) is None:
            raise KeyError(word)
        return taxon

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.spelled)

    def __len__(self) -> int:
        """Count the names."""
        return len(self.spelled)


def _small(name: str) -> str:
    return name.strip().casefold()


_FORMS: tuple[Callable[[str], str], ...] = (str.strip, _small)


def _only_ones(spelled: Mapping[str, str], form: Callable[[str], str]) -> dict[str, str]:
    taxa: dict[str, set[str]] = {}
    for name, taxon in spelled.items():
        taxa.setdefault(form(name), set()).add(taxon)
    return {word: next(iter(of)) for word, of in taxa.items() if len(of) == 1}


def counted_names(run: StoredRun) -> TaxonWords:
    """Give the taxon of each name that counts: classes, what they are merged into, and taxa without a class."""
    taxa = run.plan.settings.taxa
    names = [*taxa, *run.plan.names]
    found = {name: taxon_of(name, taxa) for name in names if role_of(name, taxa) == COUNT}
    found |= {species["taxon"]: species["taxon"] for species in run.summary.result["species"]}
    return TaxonWords({**{one: one for one in found.values()}, **found})


def other_names(run: StoredRun) -> frozenset[str]:
    """Give the names that the dataset knows and that do not count: people, and what is ignored."""
    taxa = run.plan.settings.taxa
    return frozenset(_small(name) for name in (*taxa, *run.plan.names) if role_of(name, taxa) != COUNT)


def is_nothing(label: str, known: Mapping[str, str]) -> bool:
    """Whether a word says that nothing is there."""
    return _small(label) in NOTHING and label not in known
