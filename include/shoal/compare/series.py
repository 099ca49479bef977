"""What two answers count over time, in the images that both use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from shoal.tables.session import Database

MOST_DAYS = 400
MOST_CELLS = 40_000
"""Numbers of all series together: where days would be more, months are told, the latest ones."""


@dataclass(frozen=True)
class Series:
    """What both count over time, in the images that both use.

    Attributes:
        width: `day` or `month`, in the first one's `report.zone`.
        starts: Bins with images, the first day of each.
        images: Images of each.
        counts: By taxon, the boxes of the first and of the second in each.
        left_out: Bins before these, which are not told.
    """

    width: str
    starts: tuple[date, ...]
    images: tuple[int, ...]
    counts: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    left_out: int


def read_series(database: Database, taxa: Sequence[str]) -> Series:
    """Read both series of taxa, in days where those are not too many.

    Reads: common_images, compared_counts
    """
    most = max(1, MOST_CELLS // max(1, 2 * len(taxa)))
    days = int(database.value("SELECT count(DISTINCT day) FROM common_images"))
    width = "day" if days <= min(MOST_DAYS, most) else "month"
    bins = database.run(
        f"SELECT date_trunc('{width}', day)::DATE AS start, count(*)::BIGINT FROM common_images GROUP BY 1 ORDER BY 1"
    ).fetchall()
    told = bins[-most:]
    places = {start: number for number, (start, _) in enumerate(told)}
    counts = {taxon: ([0] * len(told), [0] * len(told)) for taxon in taxa}
    database.set_variable("compared_taxa", list(taxa))
    for taxon, start, first, second in database.run(
        f"SELECT taxon, date_trunc('{width}', day)::DATE AS start, sum(first_detections)::BIGINT, sum(second_detections)::BIGINT "
        "FROM compared_counts JOIN common_images USING (key) "
        "WHERE list_contains(getvariable('compared_taxa'), taxon) GROUP BY ALL"
    ).fetchall():
        if (place := places.get(start)) is not None:
            counts[taxon][0][place], counts[taxon][1][place] = first, second
    return Series(
        width,
        tuple(start for start, _ in told),
        tuple(images for _, images in told),
        {taxon: (tuple(one), tuple(other)) for taxon, (one, other) in counts.items()},
        len(bins) - len(told),
    )
