"""Repeat detections of an answer: clusters of boxes that stand for days, each with what speaks for it and what a person said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.contract.hashing import canonical_sha256
from shoal.contract.units import counted, utc_text
from shoal.evidence.repeats.counted import TaxonRepeats, count_taxa
from shoal.evidence.repeats.decisions import Decision, Verdict, newest_of
from shoal.evidence.repeats.place import Place
from shoal.evidence.repeats.places import SeenPlace, find_places, read_looked, see_places, view_boxes
from shoal.evidence.repeats.standing import Period, comes_back, find_periods
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import taxon_of
from shoal.tables.session import Database

ID_DIGITS = 8


@dataclass(frozen=True)
class Cluster:
    """Boxes of one taxon that stood at one place of a camera's picture.

    Attributes:
        place: Where.
        period: When, and how steadily.
        mobility: What the dataset file says of the taxon: `mobile`, or None.
        decision: What a person said of it last; None where nobody did, or of an earlier time only.
        until: To when an earlier decision reaches that it goes beyond, as it is told; empty without one.
    """

    place: Place
    period: Period
    mobility: str | None = None
    decision: Decision | None = None
    until: str = ""

    @property
    def id(self) -> str:
        """Its name in the command: the same as long as the answer is."""
        place, period = self.place, self.period
        named = [
            place.camera,
            place.deployment,
            place.taxon,
            *place.edges,
            utc_text(period.start),
            utc_text(period.end),
        ]
        return canonical_sha256(named)[:ID_DIGITS]

    @property
    def state(self) -> str:
        """What became of it: `open`, `repeat` or `animal`."""
        return "open" if self.decision is None else str(self.decision.verdict)

    def as_repeat(self) -> Decision:
        """Take it for a thing, as somebody might say."""
        period, moment = self.period, self.period.end
        return Decision(
            self.place, period.start, period.end, Verdict.REPEAT, "", moment, "", period.boxes, period.images
        )

    @property
    def why(self) -> str:
        """What speaks for it, in one line."""
        period = self.period
        stands = f"stands on {period.days} of {counted(period.looked_days, 'day')}"
        pause = f"away for {period.longest_break_h} h at most" if period.longest_break_h else "never away"
        unsaid = "" if self.mobility else "; taxa says nothing of its mobility"
        more = f"; the decision of before reaches to {self.until}" if self.until else ""
        return f"{stands}, {pause}; {period.middle:.0%} of the boxes there lie alike{unsaid}{more}"

    def to_json(self) -> dict[str, Any]:
        """Write it as `--json` prints it."""
        place, period = self.place, self.period
        return {
            "id": self.id,
            "camera": place.camera,
            "deployment": place.deployment or None,
            "taxon": place.taxon,
            "place": list(place.edges),
            "from": utc_text(period.start),
            "to": utc_text(period.end),
            "boxes": period.boxes,
            "images": period.images,
            "share": round(period.share, 4),
            "days": period.days,
            "looked_days": period.looked_days,
            "longest_break_h": period.longest_break_h,
            "middle": round(period.middle, 4),
            "mobility": self.mobility,
            "state": self.state,
            "decision": None if self.decision is None else self.decision.id,
            "why": self.why,
        }


@dataclass(frozen=True)
class InForce:
    """A confirmation that marks boxes of an answer and is of none of its clusters.

    What was confirmed is proposed no more once `taxa` calls its taxon sessile, or the answer sees less of it.

    Attributes:
        decision: It.
        boxes: How many it marks.
    """

    decision: Decision
    boxes: int

    def to_json(self) -> dict[str, Any]:
        """Write it as `--json` prints it."""
        one = self.decision
        return {
            "id": one.id,
            "camera": one.place.camera,
            "deployment": one.place.deployment or None,
            "taxon": one.place.taxon,
            "place": list(one.place.edges),
            "from": utc_text(one.start),
            "to": utc_text(one.end),
            "by": one.by,
            "at": utc_text(one.at),
            "boxes": self.boxes,
        }


@dataclass(frozen=True)
class Repeats:
    """What was found.

    Attributes:
        clusters: Those that were proposed, the most boxes first.
        coming_back: Places that are taken on several days by what comes and goes: told as a number, proposed to nobody.
        left_out: Taxa that grow in one place, as the dataset file says.
        taxa: Both numbers of each taxon that a cluster or a decision is of.
        in_force: Confirmations that still mark boxes and are of no cluster.
    """

    clusters: tuple[Cluster, ...] = ()
    coming_back: int = 0
    left_out: tuple[str, ...] = ()
    taxa: tuple[TaxonRepeats, ...] = ()
    in_force: tuple[InForce, ...] = ()


def find_repeats(database: Database, taxa: Mapping[str, Taxon], decisions: Sequence[Decision] = ()) -> Repeats:
    """Find what stands in the pictures of an answer's cameras for days.

    Args:
        database: Holds the views of `view_answer`.
        taxa: Those of the dataset file.
        decisions: What people said so far.
    """
    mobility = mobility_of(taxa)
    left_out = tuple(sorted(name for name, said in mobility.items() if said == "sessile"))
    view_boxes(database, left_out)
    looked = read_looked(database)
    places = find_places(database, looked)
    clusters, coming_back = list[Cluster](), 0
    for seen in see_places(database, places):
        periods = find_periods(seen, *looked[seen.place.camera, seen.place.deployment])
        coming_back += not periods and comes_back(seen)
        clusters.extend(_cluster(seen, period, mobility, decisions) for period in periods)
    clusters.sort(key=lambda one: (-one.period.boxes, one.id))
    undecided = [one.as_repeat() for one in clusters if one.decision is None]
    of_taxa = {one.place.taxon for one in clusters} | {one.place.taxon for one in decisions}
    counts, marked = count_taxa(database, of_taxa, decisions, undecided)
    in_force = tuple(_without_cluster(marked, clusters, decisions))
    return Repeats(tuple(clusters), coming_back, left_out, counts, in_force)


def _without_cluster(
    marked: Mapping[str, int], clusters: Sequence[Cluster], decisions: Sequence[Decision]
) -> Iterator[InForce]:
    """Find what was confirmed, still marks boxes, and is of no cluster."""
    of_clusters = {one.decision.id for one in clusters if one.decision}
    for one in decisions:
        if one.id in marked and one.id not in of_clusters:
            yield InForce(one, marked[one.id])


def mobility_of(taxa: Mapping[str, Taxon]) -> dict[str, str]:
    """Say by taxon whether it moves, as far as the dataset file does: one class of it that grows in one place is enough."""
    found: dict[str, str] = {}
    for name, entry in taxa.items():
        if entry.mobility and found.get(taxon := taxon_of(name, taxa)) != "sessile":
            found[taxon] = entry.mobility
    return found


def _cluster(seen: SeenPlace, period: Period, mobility: Mapping[str, str], decisions: Sequence[Decision]) -> Cluster:
    place = seen.place
    last = newest_of(decisions, place, period.start, period.end)
    covers = last is not None and last.start <= period.start and period.end <= last.end
    stands_on = last is not None and not covers and last.verdict is Verdict.REPEAT
    until = utc_text(last.end) if last is not None and stands_on else ""
    return Cluster(place, period, mobility.get(place.taxon), last if covers else None, until)
