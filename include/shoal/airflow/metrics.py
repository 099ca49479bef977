"""What a run sends to where Airflow sends its own metrics: gauges, through Airflow's own client, as Airflow is configured.

Gauges alone: a task's process lives for seconds, and counters of many processes add up nowhere. Where the receiver knows tags
(OpenTelemetry, Datadog, StatsD with `statsd_influxdb_enabled`) they are tags; in plain StatsD their values are parts of the
name, as in Airflow's own `ti.finish.<dag>.<task>.<state>`: without them all datasets would write over one gauge.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shoal.contract.units import read_time

if TYPE_CHECKING:
    from shoal.plan.document import Plan
    from shoal.results.stored_plan import StoredPlan
    from shoal.summary.summarized_run import SummarizedRun

log = logging.getLogger(__name__)

OWN, OTHER = "own", "other"
"""Runs with the dataset file's own settings over the whole dataset, and all others: another model, a few images, a month."""


@dataclass(frozen=True)
class Metric:
    """A gauge.

    Attributes:
        name: Without Airflow's prefix.
        unit: Of its value.
        tags: In this order.
        sent: After which task.
        meaning: In one sentence.
    """

    name: str
    unit: str
    tags: tuple[str, ...]
    sent: str
    meaning: str


@dataclass(frozen=True)
class Sample:
    """One value of a metric; `tags` in the metric's order."""

    metric: Metric
    value: float
    tags: Mapping[str, str]


_OF_RUN, _OF_DATASET = ("dataset", "run"), ("dataset",)

CAPACITY = Metric(
    "shoal.capacity_pods",
    "pods",
    _OF_RUN,
    "plan",
    "Workers that the run may start at once; 0 while its plan waits for room",
)
PENDING = Metric(
    "shoal.pending_images", "images", _OF_RUN, "plan, summarize", "Images in scope that no run has looked at yet"
)
ETA = Metric(
    "shoal.eta_seconds", "seconds", _OF_RUN, "plan", "Expected time of inference, from the start of the workers"
)
IMAGES = Metric(
    "shoal.images", "images", (*_OF_RUN, "fate"), "summarize", "Listed images by what became of them: the first balance"
)
RATE = Metric(
    "shoal.images_per_second",
    "images/second",
    _OF_RUN,
    "summarize",
    "Images that the run looked at, by the time from its plan to its first summary: waiting for pods and people counts",
)
SPEED = Metric(
    "shoal.seconds_per_image",
    "seconds",
    _OF_RUN,
    "summarize",
    "Mean time that one worker took for one image of the run",
)
FAILED_SHARE = Metric(
    "shoal.failed_share", "1", _OF_RUN, "summarize", "Share of the images the run looked at that cannot be used, 0 to 1"
)
LISTED_BYTES = Metric("shoal.listed_bytes", "bytes", _OF_RUN, "plan", "Size of the listed images")
ANSWER_BYTES = Metric(
    "shoal.answer_bytes",
    "bytes",
    _OF_RUN,
    "summarize",
    "Size of the files of the run's summary, whichever run wrote them",
)
AGE = Metric(
    "shoal.answer_age_seconds",
    "seconds",
    _OF_DATASET,
    "plan, summarize",
    "Age of the answer's listing when it was sent",
)
LISTED_AT = Metric(
    "shoal.answer_listed_timestamp_seconds",
    "seconds since 1970",
    _OF_DATASET,
    "plan, summarize",
    "When the answer's images were listed: its age at any moment is the time less this",
)
METRICS = (IMAGES, PENDING, FAILED_SHARE, RATE, SPEED, CAPACITY, ETA, AGE, LISTED_AT, LISTED_BYTES, ANSWER_BYTES)


def measure_plan(plan: "Plan", answer: Mapping[str, Any] | None, now: datetime) -> list[Sample]:
    """Measure what a plan knows.

    Args:
        plan: Of a run.
        answer: What `current.json` says.
        now: UTC.
    """
    tags = _tags(plan.dataset.name, own=plan.may_become_current)
    capacity = plan.work.capacity
    return [
        Sample(PENDING, plan.pending + plan.work.images, tags),
        Sample(LISTED_BYTES, plan.listing.size_bytes, tags),
        Sample(ETA, plan.work.eta_s, tags),
        *([] if capacity is None else [Sample(CAPACITY, capacity.pods, tags)]),
        *_measure_answer(plan.dataset.name, None if answer is None else answer.get("listed_at"), now),
    ]


def measure_no_room(dataset: str, *, own: bool) -> list[Sample]:
    """Measure a plan that found no room for one worker.

    Args:
        dataset: Its name.
        own: Whether the run is one with the dataset file's own settings over the whole dataset, as far as is known by then.
    """
    return [Sample(CAPACITY, 0, _tags(dataset, own=own))]


def measure_summary(
    plan: "StoredPlan", done: "SummarizedRun", planned_at: datetime | None, now: datetime
) -> list[Sample]:
    """Measure what a summary knows; what no image was looked at for is left out, and keeps the value it had.

    Args:
        plan: Of the run.
        done: Its summary.
        planned_at: When its plan was made, None where that is not known.
        now: UTC.
    """
    stored, tags = done.stored, _tags(plan.dataset, own=plan.may_become_current)
    fates = {fate: count for fate, count in stored.balance.items() if fate != "listed"}
    # A count of another run's images looked at none of them itself.
    looked_at = fates["processed"] + fates["failed"] if plan.of_run is None else 0
    samples = [
        *(Sample(IMAGES, count, {**tags, "fate": fate}) for fate, count in fates.items()),
        Sample(PENDING, done.left, tags),
        Sample(ANSWER_BYTES, sum(file.bytes or 0 for file in stored.files), tags),
    ]
    if looked_at:
        samples.append(Sample(FAILED_SHARE, fates["failed"] / looked_at, tags))
        if seconds := float(stored.run.get("inference_seconds") or 0):
            samples.append(Sample(SPEED, seconds / looked_at, tags))
        # A run that ended days ago is no slower for being counted again today.
        if not done.again and planned_at is not None and (elapsed := (now - planned_at).total_seconds()) > 0:
            samples.append(Sample(RATE, looked_at / elapsed, tags))
    before = done.move.before
    answers = stored.run["listing"] if done.move.not_because is None else before
    return [*samples, *_measure_answer(plan.dataset, None if answers is None else answers.get("listed_at"), now)]


def are_wanted() -> bool:
    """Whether Airflow sends metrics at all."""
    from airflow.sdk import conf  # noqa: PLC0415

    return any(
        conf.getboolean("metrics", key, fallback=False) for key in ("statsd_on", "statsd_datadog_enabled", "otel_on")
    )


def send(samples: Iterable[Sample]) -> None:
    """Send values; nothing that is wrong with the receiver, or with its client, is wrong with the run."""
    try:
        from airflow.sdk.observability.stats import Stats  # noqa: PLC0415 - in a task that has something to send

        tagged = _knows_tags()
        for sample in samples:
            if tagged:
                Stats.gauge(sample.metric.name, sample.value, tags=dict(sample.tags))
            else:
                Stats.gauge(plain_name(sample), sample.value)
    except Exception as err:  # noqa: BLE001 - the client may be anybody's (statsd_custom_client_path)
        log.warning("Metrics are not sent: %s: %s", type(err).__name__, err)


def plain_name(sample: Sample) -> str:
    """Name a value where there are no tags."""
    return ".".join([sample.metric.name, *(sample.tags[tag] for tag in sample.metric.tags)])


def _knows_tags() -> bool:
    """Whether the client that Airflow takes (`get_stats_factory`) hands tags on."""
    from airflow.sdk import conf  # noqa: PLC0415

    def on(key: str, fallback: bool = False) -> bool:
        return bool(conf.getboolean("metrics", key, fallback=fallback))

    if on("statsd_datadog_enabled"):
        return on("statsd_datadog_metrics_tags", fallback=True)
    return on("statsd_influxdb_enabled") if on("statsd_on") else True


def _tags(dataset: str, *, own: bool) -> dict[str, str]:
    return {"dataset": dataset, "run": OWN if own else OTHER}


def _measure_answer(dataset: str, listed_at: str | None, now: datetime) -> list[Sample]:
    if listed_at is None:
        return []
    moment, tags = read_time(listed_at), {"dataset": dataset}
    return [Sample(AGE, max(0.0, (now - moment).total_seconds()), tags), Sample(LISTED_AT, moment.timestamp(), tags)]
