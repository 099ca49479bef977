"""A sample as it is stored before anybody sees an image of it: of which images, with which probabilities, by which rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.stored_json import reading, take
from shoal.evidence.inclusion import Group
from shoal.evidence.permanent import DRAWN

STRATA = ("camera", "month", "hour")
"""By what a frame may be cut; month and hour are UTC."""

_OF_THE_RULE = (
    "result_sha256", "n", "strata", "allocation", "taxon", "blind", "floor", "salt", "pilot", "groups"
)  # fmt: skip
"""What decides which images are drawn, and how they are shown."""


@dataclass(frozen=True)
class Design:
    """One sample.

    Attributes:
        sha256: Of its JSON, or the first digits of it.
        json: All that it says, see docs/formats.md.
    """

    sha256: str
    json: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The 16 digits that it lies under."""
        return self.sha256[:16]

    @property
    def drawn_key(self) -> str:
        """Key of the images that it drew."""
        return str(self.json["drawn"]["key"])

    @property
    def frame_key(self) -> str:
        """Key of the marks of all images that it could have drawn."""
        return str(self.json["frame"]["key"])

    @property
    def blind(self) -> bool:
        """Whether people label without seeing what the model says."""
        return bool(self.json["blind"])

    @property
    def has_pilot(self) -> bool:
        """Whether its probabilities follow from labels: those of such a sample are never learnt from."""
        return self.json["pilot"] is not None

    @property
    def rule_sha256(self) -> str:
        """Tells two samples with one rule apart from others: they are one, whenever somebody asks for it."""
        return canonical_sha256({name: self.json[name] for name in _OF_THE_RULE})


def design_json(rule: Mapping[str, Any], groups: list[Group]) -> dict[str, Any]:
    """Write what decides a sample; which images that drew is added once they are written."""
    return {
        "format_version": FORMAT_VERSION,
        **rule,
        "salt": DRAWN,
        "groups": [group.to_json() for group in groups],
    }


def parse_design(sha256: str, stored: Mapping[str, Any], key: str) -> Design:
    """Read a stored sample.

    Raises:
        ContractError: It is not what its format promises.
    """
    with reading(f"Sample {key}", "restore it from a copy of the bucket"):
        drawn = take(stored, "drawn", dict)
        for name, kind in (("key", str), ("images", int), ("new", int)):
            take(drawn, name, kind)
        take(take(stored, "frame", dict), "key", str)
        take(stored, "blind", bool)
        take(stored, "groups", list)
        return Design(sha256, stored)
