"""The tables of one plan: which there are, in which order they come to be, and the steps that make them.

Steps of a plan talk through a DuckDB session: a million images pass from one to the next without leaving it. So the names
of its tables are the steps' interface. They stand here, and each step's docstring says what it reads and what it makes.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

from shoal.bucket.correction_words import read_correction_words
from shoal.bucket.drift import Drift, close_copied, copy_rows
from shoal.bucket.listing import FrozenListing, Scope, count_images
from shoal.bucket.nothing_there import beside_window
from shoal.bucket.silent_cameras import Silent, find_silent
from shoal.bucket.unshown_names import read_name_words
from shoal.bucket.zone_words import read_zone_words
from shoal.contract.errors import EmptyBucketError
from shoal.contract.job import Witness
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.contract.rows import MANIFEST_COLUMNS
from shoal.models.approval import Rate, Work, cores_of
from shoal.models.variant import Variant
from shoal.plan.cut_shards import Supply, cut_shards, group_rows
from shoal.plan.drift_guard import guard_drift
from shoal.plan.planned_work import UNMEASURED, PlannedWork
from shoal.plan.request import PlanRequest
from shoal.plan.run_listing import find_run_listing
from shoal.plan.taken_by_others import find_taken
from shoal.results.answer import read_current
from shoal.results.ledger import list_settled
from shoal.results.open_images import count_archived, find_open_images
from shoal.results.plan_parts import PlannedBy
from shoal.settings.dataset_stores import Stores
from shoal.tables.capture_times import narrow_listing
from shoal.tables.clock_table import ClockTable, read_clock_table
from shoal.tables.clock_times import read_times
from shoal.tables.frozen_listing import FrozenAt
from shoal.tables.session import Database

ELSEWHERE_IMAGES = 32
"""So many are tried: where nine of ten images are refused, all of these are in one of thirty cases."""

IMAGE_BYTES = 500
"""About what a plan holds of an image, in memory or on disk: docs/performance.md."""

TABLES = {
    "listing": "the images in scope, frozen",
    "clocked": "listing, with camera and capture time",
    "windowed": "listing, narrowed to a window: becomes listing",
    "times": "what the clock read in the listing, by an image's number there; clocked is made of it from then on",
    "doubled_moments": "moments of a camera that have several images",
    "clock_table": "a line for each of the clock's conventions and cameras",
    "stored_rows": "the variant's rows, as they lie in ledgers and parts",
    "judged_rows": "one of them per (key, object_version), with what any of them settles",
    "rows": "the same without that",
    "unsettled_images": "listed images without a settled row",
    "open_images": "those of them that can be read: not in an archive",
    "known_images": "what the dataset's answer, or its rows, know of the bucket",
    "moved_images": "open images whose key is settled under another ETag",
    "still_open": "open images but for those whose rows were copied: becomes open_images",
    "taken": "images that other runs at work have in their manifests",
    "free_images": "open images that nobody else is at work on",
    "picked": "the newest of them that no run has tried, then the others: as many as the time box has room for",
    "chosen": "those, each with its shard: the manifest",
    "read_before": "an image that the store gave before: one row, or none",
    "elsewhere": "images from all over the listing: so many as show that a login reads any",
}
"""Every table and view of a plan's session, in the order they come to be."""


class PlanSession:
    """One plan's tables, and the steps from one to the next.

    Args:
        database: A session on the results bucket, with nothing in it.
        request: What is planned.
        stores: The dataset's buckets.
    """

    def __init__(self, database: Database, request: PlanRequest, stores: Stores) -> None:
        self._database = database
        self._request = request
        self._stores = stores
        self._scope = Scope.of(request.dataset.source, request.params)

    def list_scope(self) -> FrozenListing:
        """Take the run's own listing if it waited for room, a fresh one of another run, else list the bucket.

        Makes: listing, clocked, windowed

        Raises:
            EmptyBucketError: No image in scope; for a window without images only where the request says so.
        """
        listing = find_run_listing(self._database, self._request, self._stores, self._scope, lambda: self._answer)
        if self._scope.window.is_open:
            return listing
        dataset = self._request.dataset
        nearest = narrow_listing(self._database, dataset.clock, dataset.deployments, self._scope.window)
        nothing = beside_window(self._scope.window, listing.counts.images, *nearest) if nearest else ""
        if nothing and self._request.empty_fails:
            raise EmptyBucketError(f"{nothing} - choose a window that has images")
        return replace(listing, counts=count_images(self._database, listing.counts), nothing=nothing)

    def foresee(self, listing: FrozenListing) -> None:
        """Say where there may be too little disk for what is left to do."""
        self._database.foresee("Planning", listing.counts.images, IMAGE_BYTES)

    def read_times(self) -> None:
        """Let the clock read the listing, once for all steps that ask for its times.

        Reads: listing
        Makes: clocked, times
        """
        dataset = self._request.dataset
        read_times(self._database, dataset.clock, dataset.deployments)

    def look_for_silence(self, listing: FrozenListing) -> tuple[Silent, ...] | None:
        """Find what should have sent images and did not; None where a run looks at a part of the bucket only.

        What came since everything was listed, into folders that no event named, nobody knows: until then a camera had to send.

        Reads: times
        """
        full = self._request.params.full_scope
        return find_silent(self._database, self._request.dataset, listing.whole_at) if full else None

    def read_clock_table(self) -> ClockTable:
        """Tell what the clock understood of the listing, and what is odd there.

        Reads: listing, times
        Makes: clock_table, doubled_moments
        """
        dataset = self._request.dataset
        return read_clock_table(self._database, dataset.clock, dataset.name)

    def read_remarks(self) -> tuple[str, ...]:
        """Say what deployments made of the listing's times, and which images cannot be read for their names.

        Reads: listing, times
        """
        dataset, full = self._request.dataset, self._request.params.full_scope
        corrected = read_correction_words(self._database, dataset.deployments, full_scope=full)
        zones = read_zone_words(self._database, dataset)
        return (*corrected, *zones, *read_name_words(self._database, mounts=dataset.mounts))

    def count_work(self, variant: Variant) -> Work:
        """Count what a variant still has to infer in the listing of this run.

        Reads: listing
        Makes: stored_rows, judged_rows, rows, unsettled_images, open_images
        """
        parts, ledgers = list_settled(self._stores.results, self._stores.layout.variant(variant.directory))
        images = find_open_images(self._database, [*ledgers, *parts], self._request.params, self._request.run_key)
        return Work(images, self.measure_rate(), cores_of(self._request.dataset))

    def find_open(self, ledgers: list[str], parts: list[str]) -> int:
        """Take away what is settled; return how many images are open. A check takes all of them again.

        Reads: listing
        Makes: stored_rows, judged_rows, rows, unsettled_images, open_images
        """
        settled = [] if self._request.again else [*ledgers, *parts]
        return find_open_images(self._database, settled, self._request.params, self._request.run_key)

    def count_archived(self) -> int:
        """Count the images that would be open if they did not lie in an archive.

        Reads: listing, unsettled_images
        """
        return count_archived(self._database)

    def guard(self, reused: int, listing: FrozenListing, to_infer: int, moved: str) -> Drift:
        """Measure how the bucket differs from what is known of it, and stop at what nobody accepted.

        Reads: listing, stored_rows, open_images
        Makes: known_images, moved_images

        Args:
            reused: Listed images that are settled.
            listing: The listing.
            to_infer: Images without a row.
            moved: How the dataset file names another source than the last run; empty where it does not.

        Raises:
            ConfigError: More than a tenth is gone or changed, or a folder hides some, and nobody has said what that means.
        """
        if self._request.again:
            return Drift()
        known = None if self._answer is None else FrozenAt.of_answer(self._answer)
        return guard_drift(
            self._database, self._request, self._stores, known, listing, reused=reused, to_infer=to_infer, moved=moved
        )

    def copy_moved(self, layout: VariantLayout) -> list[str]:
        """Close the images whose rows are copied; write those rows, which a plan alone does not, and list their part.

        Reads: rows, moved_images
        Makes: open_images, still_open
        """
        plan_only = self._request.params.plan_only
        part = [] if plan_only else [copy_rows(self._database, layout, self._request.run_key)]
        close_copied(self._database)
        return part

    def starts_over(self) -> bool:
        """Whether the dataset's answer is of a format whose rows are read and never used again."""
        return self._answer is not None and self._answer["format_version"] < FORMAT_VERSION

    def measure_rate(self) -> Rate:
        """Average the seconds per image of the variant's rows.

        Reads: stored_rows
        """
        seconds = self._database.value(
            "SELECT avg(microseconds(seconds)) / 1000000 FROM stored_rows WHERE status = 'processed'"
        )
        return UNMEASURED if seconds is None else Rate(max(float(seconds), 0.001), "measured")

    def find_read_before(self) -> Witness | None:
        """Find an image that was read before and is still there; None where there is none.

        A shard may hold nothing but images that the store refuses. Its worker reads this one to know that the login is good.

        Reads: listing, stored_rows
        Makes: read_before
        """
        self._database.run_file("read_before")
        found = self._database.records("SELECT * FROM read_before")
        return Witness(**found[0]) if found else None

    def find_elsewhere(self) -> tuple[Witness, ...]:
        """Choose images from all over the listing, for a worker that is refused all of its shard before any image was read.

        Reads: listing
        Makes: elsewhere
        """
        self._database.set_variable("elsewhere_images", ELSEWHERE_IMAGES)
        self._database.run_file("elsewhere")
        return tuple(Witness(**found) for found in self._database.records("SELECT * FROM elsewhere"))

    def leave_to_others(self, layout: VariantLayout, to_infer: int) -> int:
        """Leave out images that another run is at work on; return how many are left.

        Reads: open_images
        Makes: taken, free_images
        """
        request, database = self._request, self._database
        own = PlannedBy(request.dag_id, request.run_id, request.installation)
        taken = find_taken(database.results, layout, own, request.is_running)
        if not taken:
            database.run("CREATE VIEW free_images AS SELECT * FROM open_images")
            return to_infer  # counting them again would join the whole listing again
        database.view_parquet("taken", taken, MANIFEST_COLUMNS)
        database.run(
            "CREATE VIEW free_images AS SELECT open_images.* FROM open_images ANTI JOIN taken USING (key, object_version)"
        )
        return int(database.value("SELECT count(*) FROM free_images"))

    def cut(self, supply: Supply, free: int) -> PlannedWork:
        """Choose as many of the free images as room and time box allow, and cut them into shards.

        Reads: clocked, free_images, stored_rows
        Makes: picked, chosen
        """
        return cut_shards(self._database, self._request.dataset, supply, free)

    def store_manifest(self, key: str, images: int) -> None:
        """Write so many images to infer, in key order.

        Reads: chosen
        """
        query = f"SELECT {', '.join(MANIFEST_COLUMNS)} FROM chosen ORDER BY key"
        self._database.store_parquet(query, key, group_rows(images))

    @cached_property
    def _answer(self) -> dict[str, Any] | None:
        """The dataset's answer so far."""
        return read_current(self._stores.results, self._stores.layout)
