"""What people look through of an answer: its images a page at a time, one image with its neighbours, and what failed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from shoal.answers.browsed import (
    A_PAGE,
    BY_BOXES,
    BY_IMAGE,
    MOST_BOXES,
    USES,
    Asked,
    Failed,
    FailuresPage,
    ImagesPage,
    Neighbours,
    SeenBox,
    SeenImage,
    ToDraw,
    in_words,
)
from shoal.answers.browsed_tables import FAILURES_FILE, bring_answer, bring_failures, view_nothing
from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import VariantLayout
from shoal.pictures.colours import colours_of
from shoal.pictures.people import people_of
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.results.summary_files import SummaryFile
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

SHOWN_NAMES = 8

BROUGHT = frozenset({"images", "detections", "below"})
"""Tables that an answer on this disk is made of."""

_FACTS = (
    "n, key, object_version, size_bytes, content_sha256, use, reason, camera, captured_at, dated, width, height, luma_mean, "
    "sharpness, damaged, clock_flag, max_det_reached"
)


class BrowsedAnswer:
    """An answer on this disk; for one thread at a time.

    Attributes:
        summary: The run's.
        taxa: Names of what has boxes.
        cameras: Names of those with images.
    """

    def __init__(self, database: Database, summary: StoredSummary) -> None:
        self._database = database
        self.summary = summary
        self.taxa = tuple(name for (name,) in database.run("SELECT taxon FROM taxa ORDER BY taxon").fetchall())
        found = database.run("SELECT DISTINCT camera FROM pics ORDER BY camera").fetchall()
        self.cameras = tuple(name for (name,) in found)
        told = colours_of(species["taxon"] for species in summary.result["species"])
        self._colours = {name: told.get(name) or colours_of([name])[name] for name in self.taxa}

    def images(self, asked: Asked) -> ImagesPage:
        """Find a page of images.

        Raises:
            ConfigError: No such taxon, camera or page.
        """
        self._need_known("taxon", asked.taxon, self.taxa)
        self._need_known("camera", asked.camera, self.cameras)
        self._database.set_variable("asked_camera", asked.camera)
        chosen, boxes = " AND ".join(_conditions(asked)), self._with_boxes(asked)
        order = BY_BOXES.get(asked.order) or BY_IMAGE[asked.order].format(seed=asked.seed)
        rows = self._database.run(
            f"SELECT n, count(*) OVER () FROM pics {boxes} WHERE NOT hidden AND {chosen} ORDER BY {order}, n "
            f"LIMIT {A_PAGE} OFFSET {(asked.page - 1) * A_PAGE:d}"
        ).fetchall()
        of = rows[0][1] if rows else self._count(f"pics {boxes} WHERE NOT hidden AND {chosen}")
        _need_page(asked.page, of)
        return ImagesPage(self._see([n for n, _ in rows], asked), of, self._count(f"pics WHERE hidden AND {chosen}"))

    def image(self, key: str, object_version: str, conf: float | None = None) -> SeenImage:
        """Find one image; what its boxes are drawn as where they are no upright ones is not here, see `with_shapes`.

        Args:
            key: It.
            object_version: As the run looked at it; empty where nobody says.
            conf: See `Asked`.

        Raises:
            ConfigError: There is none, it is another version, or it is not shown.
        """
        found = self._database.run(
            "SELECT n, object_version, use, hidden FROM pics WHERE h = hash($1) AND key = $1", [key]
        ).fetchone()
        run = f"run {self.summary.dataset}/{self.summary.run_key}"
        if found is None:
            raise ConfigError(
                f"No image {shown(key, 300)!r} among the {self.summary.examined:,} that {run} examined - see its images"
            )
        n, version, use, hidden = found
        if object_version not in {"", version}:
            raise ConfigError(
                f"Image {shown(key, 300)!r} was another one when {run} looked at it: version {shown(version, 80)}, and "
                f"{shown(object_version, 80)} is asked for - see its images"
            )
        if hidden:
            why = (
                "the model saw nothing of it, and nobody knows whom it shows" if use == "failed" else "it shows people"
            )
            raise ConfigError(f"Image {shown(key, 300)!r} is not shown: {why} (taxa has a class of role human)")
        (image,) = self._see([n], Asked(conf=conf))
        return image

    def neighbours(self, image: SeenImage) -> Neighbours:
        """Find the images before and after one in time, of its camera."""
        if image.captured_at is None:
            return Neighbours(None, None)
        self._database.set_variable("asked_camera", image.camera)
        found = []
        for most, where in (("max", f"n < {image.n:d}"), ("min", f"n > {image.n:d}")):
            row = self._database.run(
                f"SELECT key, object_version FROM pics WHERE n = (SELECT {most}(n) FROM pics WHERE {where} AND NOT hidden "
                "AND captured_at IS NOT NULL AND camera = getvariable('asked_camera'))"
            ).fetchone()
            found.append(None if row is None else (str(row[0]), str(row[1])))
        return Neighbours(*found)

    def counted_in(self, image: SeenImage) -> str:
        """Say in words which boxes of an image the run counted, at its own thresholds."""
        told = self._database.run(f"SELECT taxon, boxes FROM counted JOIN taxa USING (t) WHERE n = {image.n:d}")
        return in_words(dict(told.fetchall()))

    def to_draw(self, key: str, object_version: str) -> ToDraw:
        """Find what a picture of an image is made of: one of the answer, or one that failed.

        Raises:
            ConfigError: There is none of this version, or it is not shown.
        """
        for table, sha256 in (("pics", "content_sha256"), ("failures", "NULL")):
            found = self._database.run(
                f"SELECT key, object_version, size_bytes, {sha256}, hidden FROM {table} "
                "WHERE h = hash($1) AND key = $1 AND object_version = $2",
                [key, object_version],
            ).fetchone()
            if found is not None:
                *facts, hidden = found
                if hidden:
                    raise ConfigError("it shows people, or nobody knows whether it does")
                return ToDraw(*facts)
        raise ConfigError(f"no such image in run {self.summary.dataset}/{self.summary.run_key}")

    def failures(self, fate: str, reason: str, page: int) -> FailuresPage:
        """Find a page of what failed.

        Args:
            fate: Of this fate; empty for any.
            reason: For this reason; empty for any.
            page: From 1.

        Raises:
            ConfigError: Nothing failed so, or no such page.
        """
        told = self._database.run(
            "SELECT fate, reason, count(*) FROM failures GROUP BY ALL ORDER BY fate, 3 DESC, reason"
        )
        groups = tuple((str(row[0]), row[1], int(row[2])) for row in told.fetchall())
        chosen = [group for group in groups if fate in {"", group[0]} and reason in {"", group[1] or ""}]
        if (fate or reason) and not chosen:
            there = ", ".join(sorted({str(group[1] or group[0]) for group in groups})) or "nothing"
            raise ConfigError(f"Nothing failed as {shown(reason or fate, 80)!r} - what failed is: {there}")
        of = sum(count for *_, count in chosen)
        _need_page(page, of)
        rows = self._database.run(
            "SELECT key, object_version, size_bytes, fate, reason, detail FROM failures WHERE ($1 = '' OR fate = $1) "
            f"AND ($2 = '' OR reason = $2) ORDER BY fate, reason, key LIMIT {A_PAGE} OFFSET {(page - 1) * A_PAGE:d}",
            [fate, reason],
        ).fetchall()
        hidden = bool(self._database.value("SELECT coalesce(bool_or(hidden), false) FROM failures"))
        return FailuresPage(groups, tuple(Failed(*row) for row in rows), of, hidden)

    def _with_boxes(self, asked: Asked) -> str:
        """Join what is asked of an image's boxes, nothing where nothing is; who asks for no taxon asks for those without, too."""
        if not asked.taxon and asked.order not in BY_BOXES:
            return ""
        join = "JOIN" if asked.taxon else "LEFT JOIN"
        if asked.conf is None:
            of_taxon = self.taxa.index(asked.taxon) + 1 if asked.taxon else 0
            return f"{join} (SELECT n, boxes, least, most FROM counted WHERE t = {of_taxon:d}) AS found USING (n)"
        return (
            f"{join} (SELECT n, count(*) AS boxes, min(conf) AS least, max(conf) AS most FROM boxes "
            f"WHERE {' AND '.join(self._counted(asked))} GROUP BY n) AS found USING (n)"
        )

    def _counted(self, asked: Asked) -> Iterator[str]:
        yield "NOT is_below" if asked.conf is None else f"conf >= {asked.conf!r}::FLOAT"
        if asked.taxon:
            yield f"t = {self.taxa.index(asked.taxon) + 1:d}"

    def _see(self, numbers: Sequence[int], asked: Asked) -> tuple[SeenImage, ...]:
        """Read images and those of their boxes that count, of every taxon, in the order asked."""
        if not numbers:
            return ()
        listed = ", ".join(f"{n:d}" for n in numbers)
        counted = next(self._counted(asked))
        boxes: dict[int, list[SeenBox]] = {}
        for n, t, *facts in self._database.run(
            f"SELECT n, t, conf, is_below, position, x1, y1, x2, y2 FROM boxes WHERE n IN ({listed}) AND {counted} "
            f"QUALIFY row_number() OVER (PARTITION BY n ORDER BY conf DESC, position) <= {MOST_BOXES} "
            "ORDER BY n, conf DESC, position"
        ).fetchall():
            taxon = self.taxa[t - 1]
            conf, is_below, position, *edges = facts
            boxes.setdefault(n, []).append(SeenBox(taxon, conf, is_below, self._colours[taxon], position, *edges))
        rows = self._database.records(f"SELECT {_FACTS} FROM pics WHERE n IN ({listed})")
        found = {row["n"]: SeenImage(**row, boxes=tuple(boxes.get(row["n"], ()))) for row in rows}
        return tuple(found[n] for n in numbers)

    def _count(self, of: str) -> int:
        return int(self._database.value(f"SELECT count(*) FROM {of}"))

    def _need_known(self, word: str, asked: str, known: Sequence[str]) -> None:
        if asked and asked not in known:
            there = ", ".join(shown(name, 80) for name in known[:SHOWN_NAMES]) or "none"
            more = f" and {len(known) - SHOWN_NAMES} more" if len(known) > SHOWN_NAMES else ""
            raise ConfigError(
                f"No {word} {shown(asked, 100)!r} in the answer of run {self.summary.run_key} - there are: {there}{more}"
            )


def brought_of(summary: StoredSummary) -> tuple[SummaryFile, ...]:
    """Name the files that an answer on this disk is made of."""
    tables = summary.tables if _has_images(summary) else ()
    failures = summary.named.get(FAILURES_FILE)
    return (*(file for file in tables if file.table in BROUGHT), *([failures] if failures else []))


def _has_images(summary: StoredSummary) -> bool:
    return summary.complete and summary.by_month


def bring(
    database: Database, layout: VariantLayout, summary: StoredSummary, plan: StoredPlan, taxa: Mapping[str, Taxon]
) -> BrowsedAnswer:
    """Bring an answer to this disk; of a run that is not complete only what failed.

    Args:
        database: A session that reads the files of `brought_of`, which the answer lies in from then on.
        layout: The run's variant.
        summary: The run's.
        plan: Its plan.
        taxa: Those of the dataset file of today.

    Raises:
        ConfigError: There are too many images, or the tables do not tell which of them show people.
        ContractError: A file is gone, or is none of Shoal's.
        StoreError: The bucket does not answer.
    """
    if _has_images(summary):
        bring_answer(database, StoredRun(layout, plan, replace(summary, files=brought_of(summary))), taxa)
    else:
        view_nothing(database)
        bring_failures(database, summary, hide=people_of(summary.result, summary.run_key, taxa).any)
    return BrowsedAnswer(database, summary)


def _need_page(page: int, of: int) -> None:
    pages = max(1, -(-of // A_PAGE))
    if page > pages:
        raise ConfigError(f"There is no page {page:,}: {of:,} images are {pages:,} pages - ask for one of these")


def _conditions(asked: Asked) -> Iterator[str]:
    """Say in SQL which images are asked for, whatever their boxes."""
    yield f"use = '{asked.use}'" if asked.use in USES else "true"
    if asked.camera:
        yield "camera = getvariable('asked_camera')"
    if asked.start is not None:
        yield f"dated >= {_moment(asked.start)}"
    if asked.end is not None:
        yield f"dated < {_moment(asked.end)}"


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
