"""How many of a taxon's boxes stand still: as a person has confirmed, and as nobody has judged yet."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shoal.evidence.repeats.decisions import Decision, load_decisions, mark
from shoal.tables.pieces import IMAGE_BYTES
from shoal.tables.session import Database

_OF_TAXA = """
    SELECT taxon, count(*) AS boxes, count(confirmed.repeat) AS confirmed,
        count(open.repeat) FILTER (confirmed.repeat IS NULL) AS open
    FROM detections LEFT JOIN confirmed_boxes AS confirmed USING (key, position)
        LEFT JOIN open_boxes AS open USING (key, position)
    WHERE role = 'count' AND use = 'used' AND {span} AND list_contains(?::VARCHAR[], taxon) GROUP BY taxon
"""


@dataclass(frozen=True)
class TaxonRepeats:
    """What a taxon's boxes are with and without those that stand.

    Attributes:
        taxon: It.
        boxes: All that count, in used images.
        confirmed: Those of them that a person has said to be of things.
        open: Those of clusters that nobody has judged, without those that are confirmed.
    """

    taxon: str
    boxes: int
    confirmed: int
    open: int

    @property
    def left(self) -> int:
        """Without either."""
        return self.boxes - self.confirmed - self.open

    def to_json(self) -> dict[str, Any]:
        """Write it as `--json` prints it."""
        return {
            "taxon": self.taxon,
            "detections": self.boxes,
            "confirmed": self.confirmed,
            "open": self.open,
            "without_confirmed": self.boxes - self.confirmed,
            "without_both": self.left,
        }


def count_taxa(
    database: Database, taxa: Collection[str], confirmed: Sequence[Decision], undecided: Sequence[Decision]
) -> tuple[tuple[TaxonRepeats, ...], Counter[str]]:
    """Count the boxes of taxa, and those that each confirmation marks, by its name.

    Time by time: each box is looked up among those that stand, and where all of them stand these are as many.

    Reads: detections, images

    Args:
        database: Holds the views of `view_answer`.
        taxa: Whose boxes.
        confirmed: What people said so far.
        undecided: What is proposed, as somebody would confirm it.
    """
    for name, which in (("confirmed", confirmed), ("open", undecided)):
        load_decisions(database, which, f"{name}_decisions")
    counts, marked = defaultdict[str, Counter[str]](Counter), Counter[str]()
    for start, end in _times(database) if taxa else ():
        span = f"captured_at >= '{start}' AND captured_at < '{end}'"
        for name in ("confirmed", "open"):
            boxes = mark(f"(FROM detections WHERE {span})", f"(FROM images WHERE {span})", f"{name}_decisions")
            database.run(f"CREATE OR REPLACE TABLE {name}_boxes AS {boxes}")
        marked.update(dict(database.run("SELECT repeat, count(*) FROM confirmed_boxes GROUP BY ALL").fetchall()))
        for row in database.records(_OF_TAXA.format(span=span), [sorted(taxa)]):
            counts[row.pop("taxon")].update(row)
    return tuple(TaxonRepeats(taxon, **counts[taxon]) for taxon in sorted(counts)), marked


def _times(database: Database) -> list[tuple[datetime, datetime]]:
    """Cut the time of an answer into spans of whole months, of no more images than a session's memory is for, or of one month."""
    most = database.limits.memory_bytes // IMAGE_BYTES
    months = database.run("""
        SELECT date_trunc('month', captured_at)::TIMESTAMP AS month, month + INTERVAL 1 MONTH, count(*)
        FROM images WHERE use = 'used' GROUP BY 1 ORDER BY 1
    """).fetchall()
    spans, held = list[tuple[datetime, datetime]](), 0
    for month, after, images in months:
        if spans and held + images <= most:
            spans[-1], held = (spans[-1][0], after), held + images
        else:
            spans, held = [*spans, (month, after)], images
    return spans
