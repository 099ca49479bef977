"""An answer as small tables on this disk, for whoever looks through its images: numbers in place of names, in order of time.

A million images and four million boxes take 140 MB there, and a page of them some tenths of a second (docs/performance.md).
"""

from collections.abc import Mapping

from shoal.answers.find import StoredRun
from shoal.answers.views import view_answer
from shoal.contract.errors import ConfigError
from shoal.contract.tasks.classify import CLASSIFY
from shoal.pictures.people import EVERY_BOX, people_of, with_people
from shoal.results.stored_summary import StoredSummary
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

MOST_IMAGES = 20_000_000
"""Of an answer that is brought here."""

FAILURES_FILE = "failures.csv"

_FAILURES = {
    "key": "VARCHAR",
    "object_version": "VARCHAR",
    "size_bytes": "BIGINT",
    "last_modified": "TIMESTAMP",
    "fate": "VARCHAR",
    "reason": "VARCHAR",
    "detail": "VARCHAR",
}

_PICS = """
    CREATE TABLE pics AS
    SELECT row_number() OVER (ORDER BY camera, captured_at NULLS LAST, key)::INTEGER AS n, hash(key) AS h,
        key, object_version, size_bytes, content_sha256, use, reason, camera, captured_at,
        coalesce(captured_at, last_modified) AS dated, width, height, luma_mean, sharpness, damaged, clock_flag, max_det_reached,
        {hidden} AS hidden
    FROM images {people}
    ORDER BY n
"""

_BOXES = """
    CREATE TABLE boxes AS
    SELECT n, t, confidence AS conf, is_below, position, x1, y1, x2, y2
    FROM (
        SELECT key, object_version, taxon, confidence, false AS is_below, position::INTEGER AS position, x1, y1, x2, y2
        FROM detections WHERE role = 'count'{best}
        UNION ALL
        SELECT key, object_version, taxon, confidence, true, position::INTEGER, x1, y1, x2, y2
        FROM below WHERE role = 'count'{best}
    ) JOIN taxa USING (taxon) JOIN (SELECT n, key, object_version FROM pics WHERE NOT hidden) USING (key, object_version)
    ORDER BY n, conf DESC
"""
"""A classifier says something of every class: only what scores best is what it sees."""

_COUNTED = """
    CREATE TABLE counted AS
    SELECT coalesce(t, 0)::INTEGER AS t, n, count(*)::INTEGER AS boxes, min(conf) AS least, max(conf) AS most
    FROM boxes WHERE NOT is_below GROUP BY GROUPING SETS ((n, t), (n)) ORDER BY 1, n
"""
"""What counts at the run's own thresholds, which is asked for most; t is 0 for all taxa together."""


def bring_answer(database: Database, run: StoredRun, taxa: Mapping[str, Taxon]) -> None:
    """Make `pics`, `boxes`, `taxa` and `failures` of a complete run.

    Args:
        database: A session on the results bucket.
        run: The run.
        taxa: Those of the dataset file of today: who is a person now is one in every run.

    Raises:
        ConfigError: There are too many images, or its tables do not tell which of them show people.
        ContractError: A file is gone, or is none of Shoal's.
        StoreError: The bucket does not answer.
    """
    summary = run.summary
    images = sum(file.rows or 0 for file in summary.tables if file.table == "images")
    if images > MOST_IMAGES:
        raise ConfigError(
            f"Run {summary.run_key} has {images:,} images, and pages look through up to {MOST_IMAGES:,} - see single ones by "
            f"python -m shoal show {summary.dataset}/{summary.run_key} KEY"
        )
    people = people_of(summary.result, summary.run_key, taxa)
    view_answer(database, summary)
    if people.any:
        database.run(f"CREATE TABLE people_in AS {with_people(people, EVERY_BOX)}")
        # Of what failed the model saw nothing: nobody knows whom it shows.
        hidden = "(use = 'failed' OR people_in.key IS NOT NULL)"
        joined = "LEFT JOIN people_in USING (key, object_version)"
    else:
        hidden, joined = "false", ""
    database.run(_PICS.format(hidden=hidden, people=joined))
    named = " UNION ".join(f"SELECT taxon FROM {view} WHERE role = 'count'" for view in ("detections", "below"))
    database.run(f"CREATE TABLE taxa AS SELECT row_number() OVER (ORDER BY taxon)::INTEGER AS t, taxon FROM ({named})")
    best = " AND position = 0" if summary.result.get("task") == CLASSIFY.name else ""
    database.run(_BOXES.format(best=best))
    database.run(_COUNTED)
    bring_failures(database, summary, hide=people.any)


def bring_failures(database: Database, summary: StoredSummary, *, hide: bool) -> None:
    """Make `failures` of a run, complete or not: those that its file names, else those of its images.

    Args:
        database: A session on the results bucket.
        summary: The run's.
        hide: Whether nobody knows which of them show people.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in _FAILURES.items())
    database.run(f"CREATE TABLE failures ({columns}, h UBIGINT, hidden BOOLEAN)")
    file = summary.named.get(FAILURES_FILE)
    if file is None:
        return
    read = ", ".join(f"'{name}': '{kind}'" for name, kind in _FAILURES.items())
    database.run(
        f"INSERT INTO failures SELECT *, hash(key), {hide} FROM read_csv(?, header = true, columns = {{{read}}}, delim = ',', "
        "quote = '\"', escape = '\"', nullstr = '', strict_mode = true, parallel = false) ORDER BY fate, reason, key",
        [database.uri(file.key)],
    )


def view_nothing(database: Database) -> None:
    """Make empty tables of images and boxes: what a run has that is not complete."""
    database.run(
        "CREATE TABLE pics (n INTEGER, h UBIGINT, key VARCHAR, object_version VARCHAR, size_bytes BIGINT, "
        "content_sha256 VARCHAR, use VARCHAR, reason VARCHAR, camera VARCHAR, captured_at TIMESTAMP, dated TIMESTAMP, "
        "width INTEGER, height INTEGER, luma_mean FLOAT, sharpness FLOAT, damaged VARCHAR, clock_flag VARCHAR, "
        "max_det_reached BOOLEAN, hidden BOOLEAN)"
    )
    database.run("CREATE TABLE taxa (t INTEGER, taxon VARCHAR)")
    database.run(
        "CREATE TABLE boxes (n INTEGER, t INTEGER, conf FLOAT, is_below BOOLEAN, position INTEGER, x1 FLOAT, "
        "y1 FLOAT, x2 FLOAT, y2 FLOAT)"
    )
    database.run(_COUNTED)
