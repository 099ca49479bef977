"""The answer's tables: each a query, whose bytes are a function of listing, rows and settings only.

None of them tells a run, a fate or a time of running: a month that did not change is the same file, whichever run computes it.
"""

from dataclasses import dataclass

from shoal.contract.layout import NO_MONTH
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.tasks.segment import SEGMENT
from shoal.exports.counts import LOCAL_BINS, LONG_COLUMNS, SHORT_COLUMNS
from shoal.exports.table_file import PARQUET
from shoal.results.stored_plan import StoredPlan


def month_of(moment: str) -> str:
    """Write the column `answer_month` as SQL: the month of a moment, UTC, as in `2026-06`.

    Moments outside the years 1990 to 2099 have none: whoever names images cannot make more months than these years have.
    """
    return (
        f"CASE WHEN year({moment}) BETWEEN 1990 AND 2099 THEN strftime({moment}, '%Y-%m') ELSE '{NO_MONTH}' END "
        "AS answer_month"
    )


@dataclass(frozen=True)
class AnswerTable:
    """One table of the answer.

    Attributes:
        name: As its folder is called.
        query: Gives its columns and one more, `answer_month`, which names the file and is not stored, see `month_of`. It may
            read what `summary.tables.build_tables` builds.
        order: By which its lines are sorted within a month: columns of the query in which no two lines are alike.
        options: How DuckDB writes its files.
        told_by: Tells in another way what the lines of each month are, with less work: `answer_month`, their number, a hash.
        beside: Likewise, of what else the lines follow from; a line whose month is NULL is of all months.
    """

    name: str
    query: str
    order: str
    options: str = PARQUET
    told_by: str | None = None
    beside: tuple[str, ...] = ()

    @property
    def lines(self) -> str:
        """Tell by month what its lines are: with what is `beside` it, all but the settings that decides a file's bytes."""
        return self.told_by or _hashed(self.query)


def _hashed(query: str, rows: str = "count(*)") -> str:
    """Hash the lines of a query by month: whatever their order, and as `counts_digest` does; no two lines are alike."""
    return f"""
    SELECT answer_month, {rows}, bit_xor(md5_number(to_json(lines)::VARCHAR))::VARCHAR FROM ({query}) AS lines GROUP BY 1
"""


_TAKEN = month_of("coalesce(captured_at, last_modified)")
"""The month of capture; of an image without a capture time, that of its last change in the bucket."""

_NO_CLASS = "NULL::INTEGER AS class_id, NULL::VARCHAR AS class_name, NULL::FLOAT AS class_score"

_BEST = "if(list_max(class_scores) IS NULL, NULL, list_position(class_scores, list_max(class_scores)))"
"""Place of the best score from 1; without any score list_position would find a place that has none."""

_BEST_CLASS = f"""{_BEST}::INTEGER - 1 AS class_id,
        (SELECT list(class_name ORDER BY class_id) FROM classes)[{_BEST}] AS class_name,
        list_max(class_scores) AS class_score"""
"""The model's own words of an image, before thresholds and merging; of several that score alike the first."""


def _images(of_class: str) -> AnswerTable:
    """Make the table of images; `of_class` are its columns of a classifier."""
    query = f"""
    SELECT {_TAKEN}, key, object_version, size_bytes, last_modified, content_sha256, use,
        CASE use WHEN 'unusable' THEN unusable_cause(damaged, luma_mean, sharpness) ELSE reason END AS reason,
        camera, deployment, captured_at, clock_source, clock_flag, event, width, height,
        luma_mean, luma_std, luma_grid, sharpness, dhash, damaged, max_det_reached, coalesce(counted, 0)::INTEGER AS detections,
        {of_class}
    FROM images LEFT JOIN (
        SELECT key, count(*) AS counted FROM detections WHERE role = 'count' GROUP BY key
    ) AS boxes USING (key)
    LEFT JOIN (SELECT key, event FROM image_events) AS events USING (key)
"""
    return AnswerTable(name="images", query=query, order="key")


IMAGES = _images(_NO_CLASS)
CLASSIFIED_IMAGES = _images(_BEST_CLASS)

_ROWS_OF_IMAGES = _hashed(f"SELECT {_TAKEN}, key, object_version, run_key, attempt FROM images")
"""Which row is that of an image: rows stay as they were written, whatever ledger holds them."""


_ONE_MODEL = "reclassified[boxes.position + 1] AS reclassified"
_TWO_MODELS = """CASE WHEN then_score IS NOT NULL THEN {'class_id': class_id, 'confidence': then_score} END AS reclassified,
        first_class_name"""
"""Of a box whose class is the second model's, that and its score; and what the first one called it."""


_REPEATS = """
    LEFT JOIN (SELECT key AS repeat_key, position AS repeat_position, repeat FROM repeat_boxes) AS of_repeats
        ON repeat_key = boxes.key AND repeat_position = boxes.position"""
"""What stands in the picture for good, as people said: of boxes that count alone."""


def _boxes(name: str, area: str = "NULL::FLOAT", more: str = "", said: str = _ONE_MODEL) -> AnswerTable:
    """Make a table of the boxes of one of this name, with what is known of their images; what no model gives is NULL.

    Its lines follow from the images' lines and rows. Three times as many as images, they are hashed themselves with DuckDB's own
    64 bits only, which takes a fifth of the time: a second look at what is decided already.
    """
    repeat, repeats = ("of_repeats.repeat", _REPEATS) if name == "detections" else ("NULL", "")
    query = f"""
    SELECT {_TAKEN}, key, boxes.object_version, images.use, camera, deployment, captured_at, width, height,
        boxes.position::INTEGER AS position, taxon, aphia_id, class_id, class_name, role, confidence, x1, y1, x2, y2,
        {repeat}::VARCHAR AS repeat, {area} AS area_px,
        masks[boxes.position + 1] AS mask, keypoints[boxes.position + 1] AS keypoints, angles[boxes.position + 1] AS angle,
        {said}
    FROM {name} AS boxes JOIN images USING (key){more}{repeats}
"""
    return AnswerTable(
        name=name,
        query=query,
        order="key, position",
        told_by=f"SELECT answer_month, count(*), bit_xor(hash(lines))::VARCHAR FROM ({query}) AS lines GROUP BY 1",
        beside=(IMAGES.lines, _ROWS_OF_IMAGES),
    )


DETECTIONS = _boxes("detections")
BELOW = _boxes("below")

_AREAS = """
    LEFT JOIN (SELECT key AS of_key, position AS of_position, area_px FROM mask_areas) AS areas
        ON of_key = boxes.key AND of_position = boxes.position"""


_PACKED = (
    f"{PARQUET}, COMPRESSION_LEVEL 22, PARQUET_VERSION v2, ROW_GROUP_SIZE 491520, WRITE_BLOOM_FILTER false, "
    "DICTIONARY_SIZE_LIMIT "
)
"""Times of bins take nearly nothing as differences (DELTA_BINARY_PACKED): a month of hours has too many for a dictionary."""

_DICTIONARY = {"30min": 400, "hour": 400, "day": 700, "month": 0}
"""Different values up to which a column is written as numbers of a dictionary: a day has more names and means of boxes, hardly
one of them twice, and a month has as many values as lines."""


_BY_TAXON = "camera, deployment NULLS FIRST, taxon, bin_start"
_BY_TIME = "camera, deployment NULLS FIRST, bin_start, taxon"
_ORDER = {"30min": _BY_TAXON, "hour": _BY_TAXON, "day": _BY_TIME, "month": _BY_TIME}
"""Of half hours and hours nearly all are empty, and empty ones of a taxon side by side take nothing; of days the names of images
in the order of time take less."""


def _counts(width: str) -> AnswerTable:
    """Make the table of one width of bins, in an order in which it takes least.

    Its lines follow from the four tables that the view `counts` joins; one for each bin with effort and each taxon.
    """
    columns = LONG_COLUMNS if width in LOCAL_BINS else SHORT_COLUMNS
    of_width = f"WHERE bin = '{width}'"
    return AnswerTable(
        name=f"counts-{width}",
        query=f"SELECT {month_of('bin_start')}, {columns} FROM counts WHERE bin = '{width}'",
        order=_ORDER[width],
        told_by=_hashed(
            f"SELECT {month_of('bin_start')}, * FROM effort_bins {of_width}",
            rows="count(*) * (SELECT count(*) FROM numbered_taxa)",
        ),
        beside=(
            _hashed(f"SELECT {month_of('bin_start')}, * FROM seen_bins {of_width}"),
            _hashed("SELECT NULL AS answer_month, * FROM numbered_series"),
            _hashed("SELECT NULL AS answer_month, * FROM numbered_taxa"),
        ),
        options=f"{_PACKED}{_DICTIONARY[width]}",
    )


GAPS = AnswerTable(
    name="gaps",
    query=f"SELECT {month_of('gap_start')}, camera, deployment, gap_start, gap_end, cause, usual_pause_s FROM gaps",
    order="camera, gap_start, gap_end",
)


def answer_tables(plan: StoredPlan) -> tuple[AnswerTable, ...]:
    """Name the tables of a run's answer, in the order they are written in."""
    images = CLASSIFIED_IMAGES if plan.task == CLASSIFY.name else IMAGES
    area, more = ("area_px::FLOAT", _AREAS) if plan.task == SEGMENT.name else ("NULL::FLOAT", "")
    said = _ONE_MODEL if plan.then is None else _TWO_MODELS
    boxes = [_boxes(name, area, more, said) for name in ("detections", "below")]
    return (images, *boxes, *map(_counts, plan.settings.report.bins), GAPS)
