"""Notice of a release to a dataset that names the version it uses: what looking at everything again would cost, and how."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shoal.bucket.listing import view_listing
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.stored_json import checked, pick, reading
from shoal.plan.commands import month_command, start_again
from shoal.plan.document import Plan
from shoal.results.plan_parts import StoredModel, StoredRate
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.settings.run_form import Window
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import open_database

_A_MOMENT = timedelta(seconds=1)


def notice_release(stores: Stores, plan: Plan) -> list[str]:
    """Write `releases.json` from a plan of the newest version; return what a person should read.

    Args:
        stores: The dataset's buckets.
        plan: A plan of the whole dataset for the newest version.
    """
    release, own = plan.variant.release, plan.dataset.model.version
    if release.version == own:
        return [f"the newest model version, {own}, is the one the dataset names: nothing to tell"]
    first, last = _find_months(stores, plan)
    command = release_command(plan.dataset.name, release.version, first, last, datetime.now(UTC))
    approval = plan.approval.to_json()
    stores.results.write_json(
        stores.layout.releases,
        {
            "format_version": FORMAT_VERSION,
            "dataset": plan.dataset.name,
            "run_key": plan.run_key,
            "variant": {"sha256": plan.variant.sha256, "directory": plan.variant.directory},
            "model": {"name": release.name, "version": release.version, "key": release.key, "sha256": release.sha256},
            "instead_of": own,
            "images": approval["images"],
            "cpu_hours": approval["cpu_hours"],
            "seconds_per_image": plan.work.rate.to_json(),
            "command": command,
        },
    )
    return [
        f"{release.name} {release.version} was released; the dataset names {own}, so nothing is inferred",
        f"{release.version} would infer {plan.approval.work.describe()}",
        f"to do so month by month: {command}",
        f"then set model.version to {release.version} in the dataset file",
    ]


def read_notice(stores: Stores, dataset: Dataset) -> dict[str, Any] | None:
    """Read the notice; None when there is none, or it was about another version than the dataset names now."""
    notice = stores.results.find_json(stores.layout.releases)
    if notice is None:
        return None
    with reading(stores.layout.releases, "delete it: the next release is told anew"):
        checked(
            _Told(
                model=pick(StoredModel, notice["model"]),
                rate=pick(StoredRate, notice["seconds_per_image"]),
                images=notice["images"],
                cpu_hours=notice["cpu_hours"],
                command=notice["command"],
            )
        )
        return notice if notice["instead_of"] == dataset.model.version else None


@dataclass(frozen=True)
class _Told:
    """What readers of `releases.json` take from it."""

    model: StoredModel
    rate: StoredRate
    images: int
    cpu_hours: float
    command: str


def release_command(dataset: str, version: str, first: datetime, last: datetime, now: datetime) -> str:
    """Write the command that looks at a span of capture time with another version.

    Airflow backfills past months only; where all images are of the month in progress, it is a run of the whole dataset.

    Args:
        dataset: Name of the dataset.
        version: The model version.
        first: Earliest capture time.
        last: Latest capture time.
        now: The time; months before its own are past.
    """
    conf, span = {"model_version": version}, Window(first.replace(tzinfo=None), last.replace(tzinfo=None) + _A_MOMENT)
    return month_command(dataset, span, conf, now) or start_again(dataset, conf)


def _find_months(stores: Stores, plan: Plan) -> tuple[datetime, datetime]:
    """Find the earliest and latest time of the listed images, by which the windows of a backfill take them."""
    with open_database(stores.results, plan.dataset.run) as database:
        view_listing(database, plan.listing_key)
        view_clocked(database, plan.dataset.clock, plan.dataset.deployments)
        (span,) = database.records(
            "SELECT min(coalesce(captured_at, last_modified)) AS first, max(coalesce(captured_at, last_modified)) AS last "
            "FROM clocked"
        )
    return span["first"], span["last"]
