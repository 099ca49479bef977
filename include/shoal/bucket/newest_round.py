"""Looks at the newest folders, of which one lists a part where there are many: a round of them lists all."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoal.bucket.newest_folders import MOST_LEVELS, MOST_SEEN, Look, Place, begin_at, look_at_newest
from shoal.contract.errors import shown
from shoal.settings.source import Source
from shoal.stores.object_store import ImageStore

MOST_LOOKS = 10
"""Looks of one round: what comes is found in as many minutes at the latest, also where there are folders without number."""


@dataclass(frozen=True)
class Round:
    """What is known of the newest folders after some looks.

    Attributes:
        seen: What they held that was told of, or was there before the first round had ended; None until then.
        found: What the looks of this round saw.
        waiting: What they left; empty between two rounds.
        looks: How many they were.
        unended: The first folder that they did not read to its end.
        said: What there is to be said of the last round that ended; empty where one look saw all, None where none has ended.
    """

    seen: Mapping[str, str] | None = None
    found: Mapping[str, str] = field(default_factory=dict)
    waiting: tuple[Place, ...] = ()
    looks: int = 0
    unended: str | None = None
    said: str | None = None

    def look(self, bucket: ImageStore, source: Source) -> Look:
        """Look into the next folders; raises as `look_at_newest` does."""
        where = self.waiting or begin_at(source.prefix)
        return look_at_newest(bucket, source, where, self.seen, room=MOST_SEEN - len(self.found))

    def after(self, look: Look) -> "Round":
        """Add what a look saw."""
        found, looks, unended = {**self.found, **look.folders}, self.looks + 1, self.unended or look.unended
        if look.waiting and looks < MOST_LOOKS and len(found) < MOST_SEEN:
            seen = None if self.seen is None else {**self.seen, **look.folders}
            return Round(seen, found, look.waiting, looks, unended, self.said)
        return Round(found, said=_describe(looks, look.waiting, unended))


def _describe(looks: int, left: tuple[Place, ...], unended: str | None) -> str:
    lines = []
    if looks > 1:
        lines.append(
            f"the newest folders are looked through in {looks} looks at {MOST_LEVELS} folders each: what comes is told that many "
            "minutes late"
        )
    if left:
        lines.append(
            f"{len(left)} or more of the newest folders, {shown(left[0][0], 200)!r} the first, are not looked into: only so many "
            f"are as {MOST_LOOKS} looks list, and {MOST_SEEN} with images - what comes there the next whole listing finds"
        )
    if unended is not None:
        lines.append(f"{shown(unended, 200)!r} is not read to its end - what comes there the next whole listing finds")
    return "; ".join(lines)
