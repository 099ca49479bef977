"""Two answers side by side for people: the agreement, both series, and the images that differ most with both sets of boxes.

Everything in it is bounded, whatever the archive: it becomes one page, or a section of a report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shoal.answers.find import StoredRun
from shoal.answers.views import STORED, view_tables
from shoal.answers.where import Where
from shoal.compare.agreement import Agreement, TaxonAgreement
from shoal.compare.two_runs import compare_runs
from shoal.contract.errors import ConfigError, NoRoomError, one_line, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.pictures.drawing import Box, Drawing, Style
from shoal.pictures.people import people_of, with_people
from shoal.results.stored_plan import StoredPlan
from shoal.settings.analysis import Taxon
from shoal.settings.changed import tell_differences
from shoal.settings.taxa import taxon_of
from shoal.tables.session import Database

MOST_TAXA = 60
"""Taxa told of, those with most boxes of both first; all of them are in `--json`."""

MOST_DAYS = 400
MOST_CELLS = 40_000
"""Numbers of all series together: where days would be more, months are told, the latest ones."""

MOST_PICTURES = 12
MOST_BOXES = 60
"""Boxes drawn on one image, those that only one of the two counts first."""

LONGEST_WORD = 10
"""Characters of a model version that stands before each name in a picture; of longer ones the pictures say first and second."""

COLOURS = ("#0072b2", "#d55e00")
"""Of the first and of the second: Okabe and Ito's blue and vermilion, which people with any colour blindness tell apart."""

_OF = "of_"
"""Begins the names of the views of each of the two."""


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


@dataclass(frozen=True)
class Differed:
    """An image on which the two differ much, and how it is drawn.

    Attributes:
        camera: Its camera.
        captured_at: UTC.
        kept: Boxes that both count.
        lost: Boxes of the first alone.
        gained: Boxes of the second alone.
        drawing: Both sets of boxes.
    """

    camera: str
    captured_at: datetime
    kept: int
    lost: int
    gained: int
    drawing: Drawing


@dataclass(frozen=True)
class Comparison:
    """Two answers side by side.

    Attributes:
        agreement: The numbers.
        words: What the two are called in pictures and charts.
        taxa: Of the agreement, those that are told of, the most frequent first.
        confs: By taxon, from which scores it counts in the first and in the second.
        zone: Of the days.
        series: Both over time.
        differed: Images that differ most, without those that show people.
        with_people: Images that differ and show people: none of them is shown.
        unshown: Why no image may be shown at all; empty where they may.
        whole_images: Whether both take images as a whole for a taxon, and count nothing in them.
        changed: Where both are of one model version, what of their inference differs, in words; empty where versions do.
    """

    agreement: Agreement
    words: tuple[str, str]
    taxa: tuple[TaxonAgreement, ...]
    confs: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]
    zone: str
    series: Series
    differed: tuple[Differed, ...]
    with_people: int = 0
    unshown: str = ""
    whole_images: bool = False
    changed: str = ""


def read_comparison(
    database: Database,
    first: StoredRun,
    second: StoredRun,
    taxa: Mapping[str, Taxon],
    where: Where = Where(),  # noqa: B008 - frozen
) -> Comparison:
    """Compare two runs and read what is shown of it.

    Args:
        database: A session on the results bucket.
        first: The one.
        second: The other.
        taxa: Those of the dataset file of today: who is a person now is one in every run.
        where: Which images are asked for.

    Raises:
        NothingInCommonError: They have no image in common that both use.
        NotOfOneKindError: One counts boxes and the other one images.
        NoRoomError: Memory or disk is too small.
        ContractError: A stored table is gone.
    """
    agreement = compare_runs(database, first, second, where, taxa)
    told = sorted(agreement.taxa, key=lambda taxon: (-taxon.first - taxon.second, taxon.taxon))[:MOST_TAXA]
    names = [taxon.taxon for taxon in told]
    words = _words(first.plan, second.plan)
    try:
        _find_people(database, (first, second), taxa, where)
        unshown = ""
    except NoRoomError:  # of today, and of the whole comparison
        raise
    except ConfigError as err:
        unshown = one_line(err)
    database.set_variable("compared_taxa", [taxon.taxon for taxon in agreement.taxa])
    differed, with_people = ((), 0) if unshown else _read_differed(database, words)
    confs = [confs_of(run.plan) for run in (first, second)]
    return Comparison(
        agreement,
        words,
        tuple(told),
        {name: (confs[0].get(name, ()), confs[1].get(name, ())) for name in names},
        first.plan.settings.report.zone,
        read_series(database, names),
        differed,
        with_people,
        unshown,
        second.plan.task == CLASSIFY.name,
        tell_changed(first.plan, second.plan),
    )


def tell_changed(first: StoredPlan, second: StoredPlan) -> str:
    """Say in which settings of inference two runs of one model version differ; empty where they are of two, or do not differ."""
    if first.models != second.models or first.variant.sha256 == second.variant.sha256:
        return ""
    before, after = first.settings, second.settings
    worker = before.worker.model_copy(update={"service": after.worker.service})
    changed = tell_differences(before, before.model_copy(update={"model": after.model, "worker": worker}))
    return changed or (
        "the model file" if first.models_with_hash != second.models_with_hash else "how images are inferred"
    )


def _words(first: StoredPlan, second: StoredPlan) -> tuple[str, str]:
    versions = shown(first.model.version), shown(second.model.version)
    if versions[0] == versions[1] and first.then and second.then:
        versions = shown(first.then.model.version), shown(second.then.model.version)
    short = all(len(version) <= LONGEST_WORD and " " not in version for version in versions)
    return versions if short and versions[0] != versions[1] else ("first", "second")


def confs_of(plan: StoredPlan) -> dict[str, tuple[float, ...]]:
    """Say by taxon from which scores a run counts its classes: several where they are merged and differ."""
    settings, found = plan.settings, dict[str, set[float]]()
    first_classes = len(plan.names) if plan.then is None else plan.then.first_classes
    of_first = {settings.taxa.get(name, Taxon()).conf or settings.conf for name in plan.names[:first_classes]}
    for class_id, name in enumerate(plan.names):
        own = plan.params.conf or settings.taxa.get(name, Taxon()).conf
        confs = {own} if own else {settings.conf} if class_id < first_classes else of_first
        found.setdefault(taxon_of(name, settings.taxa), set()).update(confs)
    return {taxon: tuple(sorted(confs)) for taxon, confs in found.items()}


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


def _find_people(database: Database, runs: Sequence[StoredRun], taxa: Mapping[str, Taxon], where: Where) -> None:
    """Make the images that show people a table: one that either of the two says it of is never shown.

    Makes: compared_people, the views of_first_images and of_second_images

    Raises:
        ConfigError: The tables of one do not tell which they are.
    """
    said = []
    for name, run in zip(("first", "second"), runs, strict=True):
        prefix = f"{_OF}{name}_"
        view_tables(database, run.summary.tables, where, prefix)
        people = people_of(run.summary.result, run.run_key, taxa)
        said.append(with_people(people, [f"{STORED}{prefix}{view}" for view in ("detections", "below")]))
    database.run(f"CREATE OR REPLACE TABLE compared_people AS {' UNION '.join(said)}")


_DIFFERED = f"""
    SELECT differing.*, of_images.size_bytes, of_images.content_sha256, common.camera, common.captured_at
    FROM differing_images AS differing
    JOIN {_OF}first_images AS of_images USING (key, object_version)
    JOIN common_images AS common USING (key)
    ANTI JOIN compared_people USING (key, object_version)
    ORDER BY lost + gained DESC, key LIMIT {MOST_PICTURES}
"""

_SHAPES = f"""
    SELECT 1 AS side, key, position, mask, keypoints FROM {_OF}first_detections WHERE key IN ({{keys}})
    UNION ALL SELECT 2 AS side, key, position, mask, keypoints FROM {_OF}second_detections WHERE key IN ({{keys}})
"""
"""What is drawn besides edges, of the images that are shown alone: it is most of what a table of boxes holds."""

_BOXES = f"""
    SELECT boxes.key, side, boxes.taxon, class_id, confidence, x1, y1, x2, y2, mask, keypoints, angle,
        same.key IS NOT NULL AS is_kept
    FROM compared_boxes AS boxes
    LEFT JOIN ({_SHAPES}) AS shapes USING (side, key, position)
    LEFT JOIN same_boxes AS same ON same.key = boxes.key AND same.taxon = boxes.taxon
        AND boxes.position = if(side = 1, same.first_position, same.second_position)
    WHERE is_counted AND list_contains(getvariable('compared_taxa'), boxes.taxon)
        AND list_contains(getvariable('compared_keys'), boxes.key)
    ORDER BY boxes.key, is_kept, confidence DESC, side, position
"""


def _read_differed(database: Database, words: tuple[str, str]) -> tuple[tuple[Differed, ...], int]:
    """Read the images that differ most and may be shown, and how many that differ show people.

    Reads: differing_images, common_images, compared_people, compared_boxes, same_boxes, the views of what both stored
    """
    images = database.records(_DIFFERED)
    keys = [image["key"] for image in images]
    database.set_variable("compared_keys", keys)
    boxes: dict[str, list[Box]] = {}
    listed = ", ".join(
        "'" + key.replace("'", "''") + "'" for key in keys
    )  # as texts: row groups without them are not read
    for row in database.records(_BOXES.format(keys=listed)) if keys else ():
        of_image = boxes.setdefault(row["key"], [])
        if len(of_image) < MOST_BOXES:
            of_image.append(_box(row, words))
    hidden = "SELECT count(*) FROM differing_images SEMI JOIN compared_people USING (key, object_version)"
    found = tuple(_differed(image, boxes[image["key"]]) for image in images)
    return found, int(database.value(hidden))


def _differed(image: Mapping[str, Any], boxes: Sequence[Box]) -> Differed:
    drawing = Drawing(
        image["key"],
        image["object_version"],
        image["size_bytes"],
        tuple(boxes),
        content_sha256=image["content_sha256"] or "",
    )
    counts = {name: image[name] for name in ("kept", "lost", "gained")}
    return Differed(image["camera"], image["captured_at"], **counts, drawing=drawing)


def _box(row: Mapping[str, Any], words: tuple[str, str]) -> Box:
    number = row["side"] - 1
    alone: tuple[Style, Style] = ("lost", "gained")
    return Box.of(
        [row[edge] for edge in ("x1", "y1", "x2", "y2")],
        label=f"{words[number]}: {shown(row['taxon'])}",
        class_id=row["class_id"],
        conf=row["confidence"],
        style="counted" if row["is_kept"] else alone[number],
        colour=COLOURS[number],
        mask=row["mask"] or "",
        keypoints=tuple(row["keypoints"] or ()),
        angle=row["angle"],
    )
