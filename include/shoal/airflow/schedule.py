"""When `reanalyse_<dataset>` starts by itself: at night, and when a version of its model is released."""

from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable

from shoal.airflow.triggers.model_release import ModelReleaseTrigger
from shoal.models.versions import LATEST, WantedModel
from shoal.settings.dataset import Dataset


def reanalyse_schedule(dataset: Dataset) -> Any:
    """Make the schedule from run.schedule and model.watch; None starts nothing by itself."""
    schedule = dataset.run.schedule
    watch = dataset.model.watch if dataset.model.watch is not None else schedule is not None
    if not watch or dataset.worker.service is not None:  # nobody releases a file of a service
        return schedule
    released: Any = [model_asset(dataset)]
    then = WantedModel.then(dataset)
    if then is not None and then.version == LATEST:
        released = released[0] | _asset_of(dataset, then)  # a list would wait for both
    if schedule is None:
        return released
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable(schedule, timezone="UTC"), assets=released)


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
