"""The frame: the images of an answer that can be drawn, and what the model says of each as far as that decides anything.

It has the images that the answer counts, each once, without those that show people: nobody may be shown these, so nobody can
label them, and no estimate is of them.
"""

from collections.abc import Mapping, Sequence

from shoal.answers.find import StoredRun
from shoal.answers.views import view_answer
from shoal.contract.units import counted
from shoal.evidence.inclusion import Group
from shoal.evidence.permanent import HALF, sql_number
from shoal.pictures.people import EVERY_BOX, people_of, with_people
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import COUNT
from shoal.tables.session import Database

_STRATA = {
    "camera": "camera",
    "month": "strftime(captured_at, '%Y-%m')",
    "hour": "strftime(captured_at, '%H')",
}

NEAR = 1.5
"""A box is in doubt whose score is between the threshold divided by this and the threshold times this."""

_CELLS = f"""
    CREATE OR REPLACE VIEW model_says AS
    SELECT key, object_version,
        count(*) FILTER (counts)::BIGINT AS seen,
        count(*) FILTER (
            confidence BETWEEN getvariable('evidence_conf') / {NEAR} AND getvariable('evidence_conf') * {NEAR}
        ) AS doubts
    FROM (
        SELECT key, object_version, taxon, confidence, true AS counts FROM detections WHERE role = '{COUNT}'
        UNION ALL SELECT key, object_version, taxon, confidence, false FROM below WHERE role = '{COUNT}'
    )
    WHERE getvariable('evidence_taxon') IS NULL OR taxon = getvariable('evidence_taxon')
    GROUP BY ALL
"""

CELL = (
    "CASE WHEN coalesce(seen, 0) = 0 THEN '0' WHEN seen = 1 THEN '1' WHEN seen <= 3 THEN '2-3' ELSE '4+' END || "
    "CASE WHEN coalesce(doubts, 0) = 0 THEN ', sure' WHEN doubts = 1 THEN ', one in doubt' ELSE ', several in doubt' END"
)
"""What the model says of an image: how many individuals, and how many of the boxes are near the threshold."""


def view_frame(database: Database, run: StoredRun, taxa: Mapping[str, Taxon]) -> int:
    """Make the view `frame`, the images of an answer that can be drawn; return how many show people and are left out.

    Raises:
        ConfigError: The answer does not tell which images show people.
    """
    view_answer(database, run.summary)
    people = people_of(run.summary.result, run.run_key, taxa)
    database.run(f"CREATE OR REPLACE VIEW people AS {with_people(people, EVERY_BOX)}")
    database.run(
        "CREATE OR REPLACE VIEW frame AS SELECT * FROM images WHERE use = 'used' AND (key, object_version) NOT IN (FROM people)"
    )
    return int(
        database.value("SELECT count(*) FROM images WHERE use = 'used' AND (key, object_version) IN (FROM people)")
    )


def tell_undated(run: StoredRun) -> str:
    """Say that an answer counts no image since none has a time, and what to do; empty where that is not so."""
    return say_undated(run.summary.dataset, run.summary.uses)


def say_undated(dataset: str, uses: Mapping[str, int]) -> str:
    """Say it of a summary's second balance.

    Args:
        dataset: Its name.
        uses: Examined images by use.
    """
    undated = uses["undated"]
    if uses["used"] or not undated:
        return ""
    return (
        f"the answer counts no image, as {counted(undated, 'image')} {'has' if undated == 1 else 'have'} no usable time - say in "
        f"clock how names tell it: python -m shoal clock {dataset} --propose"
    )


def why_no_frame(run: StoredRun) -> str:
    """Say why no image of an answer can be drawn."""
    if run.summary.uses["used"]:
        return "No image can be drawn: all that the answer counts show people"
    why = f"the answer counts no image - python -m shoal why {run.summary.dataset} says why"
    return f"No image can be drawn: {tell_undated(run) or why}"


def view_grouped(database: Database, strata: Sequence[str], conf: float, taxon: str | None, *, by_error: bool) -> None:
    """Make the view `grouped`: the frame with stratum, half and cell of each image.

    Args:
        database: Holds `frame`.
        strata: Words of `design.STRATA`.
        conf: The answer's threshold.
        taxon: Whose errors matter; None for all of them.
        by_error: Whether there is a pilot; else all images of a stratum are in one group.
    """
    database.set_variable("evidence_conf", conf)
    database.set_variable("evidence_taxon", taxon)
    database.run(_CELLS)
    stratum = f"[{', '.join(_STRATA[word] for word in strata)}]::VARCHAR[]"
    half = f"({sql_number(HALF, 'key', 'content_sha256')} >= 0.5)::INTEGER" if by_error else "0"
    says = "LEFT JOIN model_says USING (key, object_version)" if by_error else ""
    database.run(
        f"CREATE OR REPLACE VIEW grouped AS SELECT frame.*, {stratum} AS stratum, {half} AS half, "
        f"{CELL if by_error else chr(39) * 2} AS cell FROM frame {says}"
    )


def read_groups(database: Database) -> list[Group]:
    """Count the images of each group of `grouped`."""
    rows = database.run("SELECT stratum, half, cell, count(*) FROM grouped GROUP BY ALL ORDER BY ALL").fetchall()
    return [Group(tuple(stratum), half, cell, images) for stratum, half, cell, images in rows]
