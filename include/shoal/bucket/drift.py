"""The guard: a bucket that changed as no camera changes it stops the plan, until a person says what that means.

A moved bucket gives every object a new ETag, a broken listing lacks half of them: taken as they come, the one would infer
everything again and the other would publish numbers of half the images.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from duckdb import DuckDBPyConnection

from shoal.bucket.listing import FrozenListing, Scope
from shoal.contract.errors import ConfigError
from shoal.contract.layout import VariantLayout
from shoal.contract.minted_names import mint_attempt
from shoal.contract.rows import LISTING_COLUMNS, select_rows
from shoal.contract.units import agreed, counted
from shoal.settings.run_form import RunParams
from shoal.settings.source import Source
from shoal.stores.object_store import ImageStore
from shoal.tables.frozen_listing import FrozenAt, find_whole
from shoal.tables.session import Database

GUARDED_FROM = 100
"""Below this many known images any change is a large share."""

TOLERATED_SHARE = 0.1

BATCH = 10_000
"""Keys that are in memory at once."""


@dataclass(frozen=True)
class Drift:
    """How the bucket differs from what is known of it.

    Attributes:
        known: Images the dataset's answer listed in this scope; those with a settled row before there is an answer. What today's
            settings leave out is not among them.
        gone: Those of them that are no longer listed.
        left_out: Known ones that today's `source.suffixes` and `source.ignore` leave out.
        lost_listing: Key of the answer's listing where it is not in the bucket any more: then settled rows stand for it.
        settled: Listed images whose key has a settled row.
        changed: Those of them that have a new ETag at the size of such a row.
        copied: Those of them whose rows were copied to the new ETag.
        unsettled: Of those that are not listed these are files all the same, which were just being written: not among `gone`.
    """

    known: int = 0
    gone: int = 0
    settled: int = 0
    changed: int = 0
    copied: int = 0
    left_out: int = 0
    lost_listing: str | None = None
    unsettled: int = 0

    def check(self, params: RunParams, moved: str = "") -> None:
        """Stop a plan that a person has not accepted.

        Args:
            params: What the person who started the run said.
            moved: How the dataset file names another bucket or prefix than the last run; empty where it does not.

        Raises:
            ConfigError: From 100 images on more than a tenth is gone, or has a new ETag at the same size.
        """
        if _too_many(self.gone, self.known) and not params.accept_gone:
            if moved:
                raise ConfigError(
                    f"{self.gone} of {self.known} known images ({self.gone / self.known:.0%}) are not where the dataset file "
                    f"looks now ({moved}); nothing was started - set it back, or make a dataset of its own for other images; "
                    "where they take the place of the old ones, start the run with accept_gone: true"
                )
            by_rows = (
                f" ({self._by_rows}: images removed and accepted long ago count, too)" if self.lost_listing else ""
            )
            raise ConfigError(
                f"{self.gone} of {self.known} known images ({self.gone / self.known:.0%}) are not in the bucket's listing any "
                "more; nothing was started - if they were removed on purpose, start the run with accept_gone: true, else look "
                f"at the bucket and start it again{by_rows}"
            )
        if _too_many(self.changed, self.settled) and params.accept_changed is None:
            raise ConfigError(
                f"{self.changed} of {self.settled} settled images ({self.changed / self.settled:.0%}) have a new ETag at the "
                "same size, as in a bucket that was moved; nothing was started - start the run with accept_changed: same "
                "(same bytes: their rows are copied) or infer (other bytes: look at them again)"
            )

    def describe(self) -> list[str]:
        """Tell what is worth a line."""
        lines = [self._by_rows] if self.lost_listing else []
        if self.left_out:
            left_out = f"{counted(self.left_out, 'known image')} {agreed(self.left_out, 'are')}"
            lines.append(f"{left_out} left out by source.ignore or source.suffixes now")
        if self.gone:
            lines.append(f"{self.gone} of {self.known} known images {agreed(self.gone, 'are')} gone from the bucket")
        if self.unsettled:
            images = counted(self.unsettled, "known image")
            lines.append(f"{images} {agreed(self.unsettled, 'were')} just being written: this run is not the answer")
        if self.changed:
            done = f", the rows of {self.copied} were copied" if self.copied else ""
            changed = f"{self.changed} of {self.settled} settled images {agreed(self.changed, 'have')}"
            lines.append(f"{changed} a new ETag at the same size{done}")
        return lines

    @property
    def _by_rows(self) -> str:
        return f"the answer's listing {self.lost_listing!r} is not in the results bucket: images with a settled row stand for it"

    def to_json(self) -> dict[str, Any]:
        """Write it for plan.json."""
        return asdict(self)


@dataclass(frozen=True)
class Known:
    """What became of known images: those that are still in scope, those of them that are gone, and those left out."""

    images: int
    gone: int
    left_out: int


def compare_known(database: Database, known: str, source: Source, prefix: str) -> Known:
    """Compare the known images below a prefix with the listing.

    Reads: listing

    Args:
        database: A session with both.
        known: Table or view with their keys.
        source: What is an image today: one that it leaves out may lie in the bucket as before.
        prefix: Whole key prefix.
    """
    keys = f"(SELECT key FROM {known} WHERE starts_with(key, ?))"
    images = int(database.value(f"SELECT count(*) FROM {keys}", [prefix]))
    gone = left_out = 0
    for key in _read_keys(database.run(f"SELECT key FROM {keys} ANTI JOIN listing USING (key)", [prefix])):
        if source.is_image(key):
            gone += 1
        else:
            left_out += 1
    return Known(images - left_out, gone, left_out)


def part_unsettled(database: Database, drift: Drift, folder: ImageStore, source: Source, prefix: str) -> Drift:
    """Take images that are there and were not listed, since they were just being written, for what they are: not gone.

    Reads: listing, known_images

    Raises:
        ConfigError: One of them lies where this process may not look: it would be taken for removed.
    """
    unlisted = "SELECT key FROM known_images ANTI JOIN listing USING (key) WHERE starts_with(key, ?)"
    try:
        there = sum(source.is_image(key) and folder.has(key) for key in _read_keys(database.run(unlisted, [prefix])))
    except ConfigError as err:
        raise ConfigError(
            f"{drift.gone} of {drift.known} known images are not listed, and {err}; nothing was started - where it is to be left "
            "out, start the run with accept_gone: true"
        ) from err
    return replace(drift, gone=drift.gone - there, unsettled=there)


def _read_keys(found: DuckDBPyConnection) -> Iterator[str]:
    while batch := found.fetchmany(BATCH):
        yield from (key for (key,) in batch)


def count_gone(
    database: Database, listing: FrozenListing, answer: FrozenAt | None, scope: Scope, source: Source
) -> Drift:
    """Count the known images of a scope that the listing lacks.

    Reads: listing, stored_rows
    Makes: known_images

    Args:
        database: A session with the listing and the settled rows.
        listing: The listing.
        answer: The one that the dataset's answer is about; None before there is one.
        scope: The run's scope; with a limit or a window nothing is known to be gone.
        source: What is an image today.
    """
    if scope.limit is not None or not scope.window.is_open:
        return Drift()
    if answer is not None and not listing.frozen_at.is_news_to(answer):
        return Drift()
    files = [] if answer is None else find_whole(database.results, answer.key)
    if files:
        database.view_parquet("known_images", files, LISTING_COLUMNS)
    else:
        settled = "SELECT DISTINCT key FROM stored_rows WHERE settles(status, reason, run_key)"
        database.run(f"CREATE VIEW known_images AS {settled}")
    known = compare_known(database, "known_images", source, scope.prefix)
    lost = answer.key if answer is not None and not files else None
    return Drift(known=known.images, gone=known.gone, left_out=known.left_out, lost_listing=lost)


def count_changed(database: Database, drift: Drift, reused: int) -> Drift:
    """Fill the table `moved_images`; add how many listed images are known under another ETag.

    Reads: stored_rows, open_images
    Makes: moved_images

    Args:
        database: A session with the view `open_images`.
        drift: What is gone.
        reused: Listed images that are settled as they are.
    """
    database.run_file("moved_images")
    moved, changed = database.run("SELECT count(*), count(from_version) FROM moved_images").fetchall()[0]
    return replace(drift, settled=reused + moved, changed=changed)


def copy_rows(database: Database, layout: VariantLayout, run_key: str) -> str:
    """Copy the rows of moved images to their new ETags, as a part that names where each came from; return its key.

    Reads: rows, moved_images
    """
    key = layout.part(run_key, 0, mint_attempt(), 0)
    attempt = key.rsplit("-", 2)[-2]
    replaced = {
        "object_version": "moved_images.object_version",
        "version_checked": "false",
        "copied_from_version": "rows.object_version",
        "run_key": f"'{run_key}'",
        "attempt": f"'{attempt}'",
        "ledger": "NULL::VARCHAR",  # its type, which Parquet keeps
    }
    database.store_parquet(
        f"SELECT {select_rows(replaced, 'rows')} FROM rows JOIN moved_images "
        "ON rows.key = moved_images.key AND rows.object_version = moved_images.from_version ORDER BY key",
        key,
    )
    return key


def close_copied(database: Database) -> None:
    """Take the images whose rows are copied out of `open_images`.

    Reads: moved_images
    Makes: open_images, still_open
    """
    database.run(
        "CREATE TABLE still_open AS SELECT open_images.* FROM open_images "
        "ANTI JOIN (SELECT key FROM moved_images WHERE from_version IS NOT NULL) AS copied USING (key)"
    )
    database.run("DROP VIEW open_images")
    database.run("ALTER TABLE still_open RENAME TO open_images")


def _too_many(some: int, of_all: int) -> bool:
    return of_all >= GUARDED_FROM and some > TOLERATED_SHARE * of_all
