"""The design of a review: who is drawn, with which probability, by which numbers; stored before any picture is written.

All images of the frame have the same probability. Their numbers are none of those that samples go by: the images of a review are
drawn independently of those whose labels made the number that it tests. They follow from words that the reviewer gives: nothing
else binds the author, who can try words until he likes what is drawn. Without words they follow from the model and the frame, so
that at least no label, sample or threshold draws others; who chooses the frame chooses them.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.stored_json import reading, take
from shoal.contract.units import utc_text
from shoal.evidence.frame import view_frame, why_no_frame
from shoal.evidence.permanent import SQL_MARK, SQL_SMALL_MARK, sql_number
from shoal.evidence.review.published import Asked, Published, find_published
from shoal.evidence.stored import read_evidence, store_json, store_lines
from shoal.settings.analysis import Taxon
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database

SALT = "shoal review 1"
"""Begins the salt of the numbers by which images of a review are drawn; the seed follows."""

FEWEST, MOST = 10, 300
"""Images that may be asked for: with fewer nothing can be said, and of more the file is too large to send."""

_SEED = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")

_FRAME = f"SELECT {SQL_SMALL_MARK} AS mark, 0 AS group_number FROM frame ORDER BY mark"


@dataclass(frozen=True)
class Review:
    """A design as it is stored.

    Attributes:
        name: The 16 digits that it lies under.
        sha256: Of its JSON's bytes.
        json: All that it says.
    """

    name: str
    sha256: str
    json: Mapping[str, Any]

    @property
    def published(self) -> Published:
        """The number that it tests."""
        return Published.parse(self.json["published"])

    @property
    def images(self) -> int:
        """Those of the frame."""
        return int(self.json["frame"]["images"])

    @property
    def seed_given(self) -> bool:
        """Whether somebody gave words; designs before that was kept had the sha256 of the result else."""
        return bool(self.json.get("seed_given", self.json["seed"] != self.json["result_sha256"]))

    @property
    def drawn_key(self) -> str:
        """Key of the images that it drew."""
        return str(self.json["drawn"]["key"])


@dataclass(frozen=True)
class Wish:
    """What review a person asks for.

    Attributes:
        asked: Which number is tested.
        n: Images that are expected.
        seed: Words of the reviewer's; None for what follows from the model and the frame.
    """

    asked: Asked
    n: int = 100
    seed: str | None = None

    def check(self) -> None:
        """Check what can be checked without an answer.

        Raises:
            ConfigError: It cannot be drawn.
        """
        if not FEWEST <= self.n <= MOST:
            raise ConfigError(f"-n {self.n} images - ask for {FEWEST} to {MOST}")
        if self.seed is not None and not _SEED.fullmatch(self.seed):
            raise ConfigError(
                f"--seed {shown(self.seed, 60)!r}: write at most 100 letters, digits, spaces, dots, dashes"
            )


def draw_review(
    database: Database,
    layout: DatasetLayout,
    run: StoredRun,
    wish: Wish,
    taxa: Mapping[str, Taxon],
) -> Review:
    """Draw a review and store its design, or find it where it was stored before.

    Args:
        database: A session on the results bucket; afterwards it holds the views of `frame.view_frame`.
        layout: The dataset.
        run: Whose answer is tested.
        wish: What is asked for.
        taxa: Those of the dataset file of today: who is a person now is shown to nobody.

    Raises:
        ConfigError: The run is not complete, or there is no such number, or nothing to draw.
    """
    wish.check()
    _need_complete(run)
    people = view_frame(database, run, taxa)
    images = int(database.value("SELECT count(*) FROM frame"))
    if not images:
        raise ConfigError(why_no_frame(run))
    published = find_published(database, layout, run, wish.asked, images=images, people=people)
    seed = wish.seed or _seed_of(database, run)
    rule = {
        "format_version": FORMAT_VERSION,
        "kind": "design",
        "dataset": layout.dataset,
        "run_key": run.run_key,
        "result_sha256": run.summary.result_sha256,
        "model": str(run.plan.models),
        "published": published.to_json(),
        "frame": {"images": images, "images_of_people_left_out": people},
        "n": wish.n,
        "probability": min(1.0, wish.n / images),
        "seed": seed,
        "seed_given": wish.seed is not None,
        "salt": f"{SALT} {seed}",
    }
    same = next((one for one in read_reviews(database.results, layout) if _rule_of(one.json) == rule), None)
    return same or _store(database, layout, rule)


def _seed_of(database: Database, run: StoredRun) -> str:
    """Make a seed of what no label, sample or threshold moves: the model's variant and the images of the frame."""
    images, marks = database.run(f"SELECT count(*), bit_xor({SQL_SMALL_MARK}) FROM frame").fetchone() or (0, 0)
    return hashlib.sha256(f"{run.plan.variant.sha256}\n{images}\n{marks}".encode()).hexdigest()


def _need_complete(run: StoredRun) -> None:
    if not run.summary.complete:
        raise ConfigError(
            f"Run {run.run_key} is not complete, what it counts is not what its images hold - python -m shoal why "
            f"{run.plan.dataset}/{run.run_key} says what is left"
        )


def _rule_of(stored: Mapping[str, Any]) -> dict[str, Any]:
    frame = {name: stored["frame"][name] for name in ("images", "images_of_people_left_out")}
    rule = {name: value for name, value in stored.items() if name not in {"drawn_at", "drawn"}}
    return {**rule, "frame": frame}


def _store(database: Database, layout: DatasetLayout, rule: Mapping[str, Any]) -> Review:
    """Draw and write: the images, then the frame, and last what says that there is a review."""
    u = sql_number(rule["salt"], "key", "content_sha256")
    lines = store_lines(
        database,
        layout,
        "reviews",
        f"""
        SELECT key, content_sha256, {rule["probability"]!r}::DOUBLE AS probability,
            (row_number() OVER (ORDER BY {u}, key))::INTEGER AS number, {SQL_MARK} AS name, false AS twice
        FROM frame WHERE {u} < {rule["probability"]!r} ORDER BY key
        """,
    )
    marks = store_lines(database, layout, "reviews", _FRAME)
    stored = {
        **rule,
        "frame": {**rule["frame"], "key": marks["key"], "sha256": marks["sha256"]},
        "drawn_at": utc_text(datetime.now(UTC)),
        "drawn": {"key": lines["key"], "images": lines["rows"], "sha256": lines["sha256"]},
    }
    name = store_json(database.results, layout, "reviews", stored)
    return _read(database.results, layout, name, stored)


def read_reviews(results: ObjectStore, layout: DatasetLayout) -> list[Review]:
    """Read all designs.

    Raises:
        ContractError: One is not what its format promises.
    """
    return [
        _read(results, layout, name, stored)
        for name, _, stored in read_evidence(results, layout, "reviews")
        if stored.get("kind") == "design"
    ]


def read_review(results: ObjectStore, layout: DatasetLayout, name: str) -> Review | None:
    """Read one design; None where there is none of that name."""
    return next((one for one in read_reviews(results, layout) if one.name == name), None)


def _read(results: ObjectStore, layout: DatasetLayout, name: str, stored: Mapping[str, Any]) -> Review:
    key = layout.evidence_file("reviews", name, "json")
    with reading(f"Review {key}", "restore it from a copy of the bucket"):
        take(take(stored, "drawn", dict), "key", str)
        take(take(stored, "frame", dict), "images", int)
        Published.parse(take(stored, "published", dict))
        for field, kind in (("run_key", str), ("result_sha256", str), ("seed", str), ("salt", str)):
            take(stored, field, kind)
        take(stored, "probability", float)
    return Review(name, hashlib.sha256(results.read_bytes(key)).hexdigest(), stored)
