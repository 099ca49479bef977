"""What the page of a DAG says about it: the dataset file in words, written in Markdown."""

from collections.abc import Iterable
from datetime import UTC, datetime

from shoal.contract.errors import one_line
from shoal.contract.run_names import reanalyse_dag_id
from shoal.engines.engine import settings_of
from shoal.plan.commands import backfill_command
from shoal.settings.analysis import ClockEntry
from shoal.settings.dataset import Dataset
from shoal.settings.deployments import Deployment


def reanalyse_line(dataset: Dataset) -> str:
    """Say in the list of DAGs what keeps a dataset's answer, and when; what its file says of it comes first."""
    run, model = dataset.run, dataset.model
    when = f"at {run.schedule} UTC" if run.schedule else "when somebody starts it"
    watched = model.watch if model.watch is not None else run.schedule is not None
    own = f"{dataset.description} - " if dataset.description else ""
    return one_line(
        f"{own}keeps the answer up to date: {model.name} {model.version} over {dataset.source.place}, {when}"
        f"{' and on a release' if watched else ''}{' and when images arrive' if dataset.source.events else ''}"
    )


def backfill_line(dataset: Dataset) -> str:
    """Say in the list of DAGs what looks at months, and that nothing starts it by itself."""
    return f"Months of {dataset.name} by capture time, for another model version: by Airflow's backfill only, never by itself"


def reanalyse_doc(dataset: Dataset) -> str:
    """Describe the DAG that brings a dataset's answer up to date."""
    return "\n\n".join(
        [
            *([dataset.description] if dataset.description else []),
            (
                f"Looks with model **{dataset.model.name}** at every image of {dataset.source.what.lower()} "
                f"**{dataset.source.place}** that it has not seen yet, and keeps the dataset's answer up to date."
            ),
            _table(_settings(dataset)),
            (
                "One run at a time (max_active_runs 1): two would look for the same new images. What a run leaves, the next "
                f"goes on with. All this is set in the dataset file {dataset.name}.yaml, nothing here."
            ),
            (
                "- **plan** lists the bucket, finds what is new and what fits\n"
                "- **approve** asks a person where a model version has more to infer than the dataset file allows\n"
                "- **infer** runs one worker per shard\n"
                "- **summarize** accounts for every image and writes summary.json and report.html\n\n"
                "Buttons under *Details* of these tasks show plan, summary and report."
            ),
        ]
    )


def backfill_doc(dataset: Dataset) -> str:
    """Describe the DAG for Airflow's backfill."""
    name = dataset.name
    # In one line: the web interface breaks lines as it likes, and a backslash would be copied with them.
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    command = backfill_command(name, first, last, {"model_version": "v2"})
    return "\n\n".join(
        [
            f"Looks at months of **{name}** by capture time, usually with another model version, through Airflow's backfill:",
            f"```\n{command}\n```",
            (
                "makes one run for each month that begins in that span. **Missing Runs starts nothing, and Airflow says nothing, "
                "for months that ran before, with whatever version**: choose Reprocess Behavior *All Runs* "
                "(`--reprocess-behavior completed`, as above), which keeps all earlier results. **In the form of the web "
                "interface tick Override parameters on existing runs**: without it Airflow sends no parameter, not even to new "
                "runs, and the months are looked at with the dataset's own model version; each run's note says so. A single run "
                "takes one calendar month in UTC as window_start and window_end, and refuses anything else: that is for "
                f"**{reanalyse_dag_id(name)}**. Every "
                "image is in exactly one month: one without a usable date counts where it was last modified. The month in "
                f"progress belongs to the next full run. What is inferred here is reused by **{reanalyse_dag_id(name)}**; the "
                "dataset's answer is never moved from here."
            ),
            _table(_settings(dataset)),
            (
                "One run at a time (max_active_runs 1), and one plan at a time in a backfill that allows more runs. Where task "
                f"slots are short, {reanalyse_dag_id(name)} goes first."
            ),
        ]
    )


def _settings(dataset: Dataset) -> Iterable[tuple[str, str]]:
    run, cluster = dataset.run, dataset.cluster
    yield "Images", f"{dataset.source.place}/{dataset.source.prefix} ({' '.join(dataset.source.suffixes)})"
    yield "Results", f"{dataset.results.bucket}/{dataset.results.prefix}{dataset.name}/"
    yield "Model", f"{dataset.model.name}, version {dataset.model.version}, confidence from {dataset.conf:g}"
    yield "Schedule", f"`{run.schedule}` UTC" if run.schedule else "by hand only"
    yield "Time box", f"{_hours(run.budget.total_seconds())}; what is left is for the run that continues it"
    yield "Approval", _approval(dataset)
    yield "Workers", settings_of(dataset).describe()
    yield "Room", f"{cluster.share:.0%} of what is free, at most {cluster.max_pods or 'what fits'}"
    yield "Pool", f"shards wait for slots of {run.pool}" if run.pool else "default_pool"
    yield "Told", _alerts(dataset)
    yield "Failures", f"a shard stops when more than {run.tolerated_failed_share:.0%} of its images fail"
    yield "Taxa", _taxa(dataset)
    yield "Clock", "; else ".join(_clock(entry) for entry in dataset.clock.entries)
    yield "Deployments", ", ".join(map(_deployment, dataset.deployments)) or "none"
    yield "Bins", f"{', '.join(dataset.report.bins)}; days and months in {dataset.report.zone}"


def _clock(entry: ClockEntry) -> str:
    return f"EXIF, {entry.zone}" if entry.exif else f"`{entry.pattern}` as `{entry.format}`, {entry.zone}"


def _deployment(stay: Deployment) -> str:
    return f"{stay.name} ({stay.camera}{f', clock corrected by {stay.correction}' if stay.correction else ''})"


def _taxa(dataset: Dataset) -> str:
    named = [
        name if taxon.role == "count" and not taxon.merge_into else f"{name} ({taxon.merge_into or taxon.role})"
        for name, taxon in dataset.taxa.items()
    ]
    return ", ".join(named) or "every class of the model under its own name"


def _approval(dataset: Dataset) -> str:
    if dataset.run.approval_cpu_hours is None:
        return "never asked for"
    timeout = _hours(dataset.run.approval_timeout.total_seconds())
    hours = dataset.run.approval_cpu_hours
    return f"a version that leaves more than {hours:g} CPU hours to infer is asked for; no answer in {timeout} means no"


def _alerts(dataset: Dataset) -> str:
    run, alerts = dataset.run, dataset.alerts
    told = [*alerts.email, *(entry.notifier.rsplit(".", 1)[-1] for entry in alerts.notifiers)]
    when = [
        "a run fails or asks for approval",
        *([f"one has not ended {_hours(run.deadline.total_seconds())} after it was queued"] if run.deadline else []),
        *([f"no image comes for {_hours(run.expect_new_within.total_seconds())}"] if run.expect_new_within else []),
    ]
    return f"{', '.join(told)} when {' or '.join(when)}" if told else "nobody"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {name} | {_cell(text)} |" for name, text in rows]
    return "\n".join(["| Setting | Value |", "| --- | --- |", *lines])


def _cell(text: str) -> str:
    """Keep a value within its cell: a regular expression may hold a bar, a description a line end."""
    return one_line(text).replace("|", "\\|")
