"""Days, which some exports are made of: asked for in the dataset file of a run to come, and found in a run that is there."""

from shoal.contract.errors import ConfigError, shown
from shoal.settings.dataset import Dataset

DAY = "day"


def missing_days(dataset: Dataset) -> list[str]:
    """Name the line to write where runs of a dataset file will have no days: with the widths that it asks for already."""
    if DAY in dataset.report.bins:
        return []
    return [f"report: {{bins: [{', '.join([*dataset.report.bins, DAY])}]}}"]


def need_days(export: str, of_run: Dataset, now: Dataset) -> None:
    """Check that a run has days: what the dataset file says today changes no table of it.

    Args:
        export: Name of the export.
        of_run: The dataset file as it was when the run was planned.
        now: As it is now.

    Raises:
        ConfigError: It has none.
    """
    if DAY in of_run.report.bins:
        return
    write = "".join(f"write {line} into its dataset file and " for line in missing_days(now))
    raise ConfigError(
        f"Export {export} is made of days, and this run of dataset {shown(now.name, 100)} has bins of "
        f"{', '.join(of_run.report.bins)} only - {write}count its images again, which infers nothing: "
        f"python -m shoal summarize {now.name} --publish"
    )
