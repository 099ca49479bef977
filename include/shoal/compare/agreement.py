"""What two answers say of the images that both use: agreement and not accuracy, neither is taken for the truth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shoal.compare.day_blocks import Interval
from shoal.contract.errors import ConfigError

THRESHOLDS = tuple(hundredths / 100 for hundredths in range(5, 100, 5))
"""At these both are counted besides at their own; what is stored begins with the first."""


class NothingInCommonError(ConfigError):
    """Two runs have nothing that could be compared."""


class NotOfOneKindError(ConfigError):
    """One of two runs counts boxes and the other one images."""


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        run_key: Its run.
        model: Name and version of its model.
        conf: From which score a box counts; a class may have its own.
        images: Images that it examined.
        beside: Of these, those that the other one did not examine, or in another version of the object.
        unused: Of those that both examined, images that the other one uses and this one does not.
    """

    run_key: str
    model: str
    conf: float
    images: int
    beside: int
    unused: int


@dataclass(frozen=True)
class TaxonAgreement:
    """What both say of one taxon, in the images that both use.

    Attributes:
        taxon: Its name.
        first: Boxes that the first one counts.
        second: Boxes that the second one counts.
        first_images: Images in which the first one counts any.
        second_images: Images in which the second one does.
        kept: Boxes that both count: in one place of one image, at an intersection over union of 0.5 or more.
        mean_difference: `(second - first)` per image, on these images exact.
        elsewhere: Where that mean would lie on other days like these; None where there are too few days.
        at: Threshold, boxes of the first one, boxes of the second one from this score on. Of a taxon that several classes are
            merged into, from where both count on: below it one fish may be two boxes.
    """

    taxon: str
    first: int
    second: int
    first_images: int
    second_images: int
    kept: int
    mean_difference: float
    elsewhere: Interval | None
    at: tuple[tuple[float, int, int], ...]

    @property
    def difference(self) -> int:
        """Boxes that the second one counts more."""
        return self.second - self.first

    @property
    def ratio(self) -> float | None:
        """Boxes of the second one for each of the first one; None where that has none."""
        return self.second / self.first if self.first else None

    @property
    def lost(self) -> int:
        """Boxes of the first one that the second one does not count."""
        return self.first - self.kept

    @property
    def gained(self) -> int:
        """Boxes of the second one that the first one does not count."""
        return self.second - self.kept

    def to_json(self) -> dict[str, Any]:
        """Write it with what follows from it."""
        return {
            **asdict(self),
            "difference": self.difference,
            "ratio": self.ratio,
            "lost": self.lost,
            "gained": self.gained,
            "at": [{"conf": conf, "first": first, "second": second} for conf, first, second in self.at],
        }


@dataclass(frozen=True)
class Differing:
    """An image on which the two differ much.

    Attributes:
        key: Its key.
        object_version: Its version.
        lost: Boxes of the first one alone.
        gained: Boxes of the second one alone.
    """

    key: str
    object_version: str
    lost: int
    gained: int


@dataclass(frozen=True)
class Agreement:
    """Two answers beside each other.

    Attributes:
        first: The one.
        second: The other.
        images: Images that both use, in one version of the object.
        otherwise_timed: Of these, those to which the two give another capture time: each is on the day of the first one.
        days: Days with such images.
        taxa: What both can see.
        only_first: Taxa that only the first one can see.
        only_second: Taxa that only the second one can see.
        people: Taxa that one of them counted people of today as: which of their numbers are people is not told, and none is.
        differing: The images on which they differ most.
        months: By month and taxon: images, boxes of each.
    """

    first: Side
    second: Side
    images: int
    otherwise_timed: int
    days: int
    taxa: tuple[TaxonAgreement, ...]
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    differing: tuple[Differing, ...] = ()
    months: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """Write it as `compare --json` prints it."""
        return {
            "what": "agreement, not accuracy",
            "first": asdict(self.first),
            "second": asdict(self.second),
            "images": self.images,
            "otherwise_timed": self.otherwise_timed,
            "days": self.days,
            "taxa": [taxon.to_json() for taxon in self.taxa],
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "people": list(self.people),
            "differing": [asdict(image) for image in self.differing],
            "months": [dict(month) for month in self.months],
        }
