"""When `reanalyse_<dataset>` starts by itself: at night, when a version of its model is released, when images arrive."""

from typing import Any

from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable

from shoal.airflow.assets import arrivals_asset
from shoal.airflow.triggers.model_release import ModelReleaseTrigger
from shoal.models.versions import LATEST, WantedModel
from shoal.settings.dataset import Dataset


def reanalyse_schedule(dataset: Dataset) -> Any:
    """Make the schedule from run.schedule, model.watch and source.events; None starts nothing by itself."""
    # Said in full: of a cron expression alone Airflow makes what its own settings say, in core.default_timezone.
    nightly = CronTriggerTimetable(dataset.run.schedule, timezone="UTC") if dataset.run.schedule else None
    assets = [*_released(dataset), *([arrivals_asset(dataset)] if dataset.source.events else [])]
    if not assets:
        return nightly
    # A list of several would wait for all of them.
    any_of: Any = assets if len(assets) == 1 else AssetAny(*assets)
    if nightly is None:
        return any_of
    return AssetOrTimeSchedule(timetable=nightly, assets=any_of)


def _released(dataset: Dataset) -> list[Asset]:
    """Name the models whose releases start a run."""
    watch = dataset.model.watch if dataset.model.watch is not None else dataset.run.schedule is not None
    if not watch or dataset.worker.service is not None:  # nobody releases a file of a service
        return []
    then = WantedModel.then(dataset)
    second = [_asset_of(dataset, then)] if then is not None and then.version == LATEST else []
    return [model_asset(dataset), *second]


def model_asset(dataset: Dataset) -> Asset:
    """Make the asset that stands for all versions of a dataset's model; datasets that use the same model share it."""
    return _asset_of(dataset, WantedModel.first(dataset))


def _asset_of(dataset: Dataset, wanted: WantedModel) -> Asset:
    """Make the asset of a model: its URI begins with the connection, as two stores may have buckets of one name."""
    models, root = dataset.models, wanted.root
    place = f"{models.conn_id}/{models.bucket}/{root.rstrip('/')}"
    trigger = ModelReleaseTrigger(models.conn_id, models.bucket, root)
    return Asset(
        name=f"model {place}",
        uri=f"shoal://{place}",
        watchers=[AssetWatcher(name=f"releases {place}", trigger=trigger)],
    )
