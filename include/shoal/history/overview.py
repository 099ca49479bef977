"""A dataset at a glance: its answer, what is under way, and what waits for a person."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from shoal.contract.damaged_objects import DAMAGED_SUMMARY
from shoal.contract.run_names import reanalyse_dag_id
from shoal.contract.stored_json import reading
from shoal.history.digest import RunDigest, digest, own_dag_id
from shoal.history.facts import RunFacts
from shoal.history.notes import Notes
from shoal.history.seen_run import see_run
from shoal.history.why import Diagnosis, State, diagnose
from shoal.plan.release_notice import read_notice
from shoal.results.answer import read_current
from shoal.results.run_list import list_run_folders
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores

_IDLE = {"complete": "idle", "incomplete": "left images, which the next run takes"}

LOOKED_AT = 60
"""Newest runs that are looked at, one after the other: samples of `check` and plans without inference are passed over."""


@dataclass(frozen=True)
class AnswerFacts:
    """A dataset's answer in a few facts.

    Attributes:
        run_key: Its run.
        variant: Folder of its variant.
        model: Name and version of its model.
        result_sha256: Its hash.
        listed_at: When its images were listed, UTC as stored; None in answers before that was kept.
        conf: Its confidence; None where its summary is not there.
        examined: Images with a result.
        uses: The second balance.
        cameras: Of each camera its used images and the newest of them, UTC as stored.
        has_report: Whether its report lies there.
    """

    run_key: str
    variant: str
    model: str
    result_sha256: str
    listed_at: str | None = None
    conf: float | None = None
    examined: int | None = None
    uses: Mapping[str, int] | None = None
    cameras: Mapping[str, tuple[int, str | None]] | None = None
    has_report: bool = False

    @property
    def newest_image(self) -> str | None:
        """When its newest used image was taken."""
        return max((newest for _, newest in (self.cameras or {}).values() if newest), default=None)


@dataclass(frozen=True)
class Waits:
    """Something that waits for a person: what, and what to do."""

    what: str
    next: str


@dataclass(frozen=True)
class VariantRuns:
    """The runs of a variant: its folder, how many, and the newest of them."""

    directory: str
    runs: int
    newest: str


@dataclass(frozen=True)
class Overview:
    """A dataset at a glance: kept for a hundred datasets, so plans and lists of runs are not in it.

    Attributes:
        dataset: Its name.
        now: The store's time.
        answer: Its answer; None before its first complete run.
        variants: Its variants, that of the newest run first.
        latest: The latest run that was to infer; None where there is none.
        short: What the dataset is at, in a few words.
        cause: Why the latest run is as it is, where it has no summary.
        progress: How far that run is, in one line; empty where nobody can tell.
        waits: What waits for a person.
    """

    dataset: str
    now: datetime
    answer: AnswerFacts | None
    variants: tuple[VariantRuns, ...] = ()
    latest: RunDigest | None = None
    short: str = ""
    cause: str = ""
    progress: str = ""
    waits: tuple[Waits, ...] = ()

    @property
    def latest_dag_id(self) -> str:
        """The DAG under which the latest run's page is found."""
        return own_dag_id(self.latest, self.dataset) if self.latest else reanalyse_dag_id(self.dataset)


def read_overview(
    stores: Stores, dataset: Dataset | None, notes: Notes, read: Callable[[str, str], RunDigest] | None = None
) -> Overview:
    """Read a dataset at a glance, by a few listings of folders and a few small objects.

    Args:
        stores: Its buckets.
        dataset: Its settings; None where it has no file any more.
        notes: What was read before.
        read: Reads a run's line by run_key and variant, or knows it; None reads all.

    Raises:
        ContractError: A stored object is not what it must be.
        StoreError: The results bucket does not answer.
    """
    results, layout = stores.results, stores.layout
    current, runs = read_current(results, layout), list_run_folders(results, layout)
    answer = read_answer(stores, current, notes) if current else None
    digests = map(read or partial(digest, results, layout), *_newest(runs))
    latest = next((one for one in digests if not one.is_aside and one.state != "plan only"), None)
    facts = found = None
    if latest is not None and latest.state == "no summary":
        current_run = answer.run_key if answer else None
        facts = see_run(stores, latest.run_key, latest.variant, notes, current=current_run)
        found = diagnose(facts)
    notice = read_notice(stores, dataset) if dataset is not None else None
    return Overview(
        layout.dataset, results.read_clock(), answer, tuple(_variants(runs)), latest,
        _short(latest, len(runs), facts, found), found.cause if found else "",
        facts.progress.describe() if facts and facts.progress else "",
        tuple(_what_waits(latest, found, notice, layout.dataset)),
    )  # fmt: skip


def read_answer(stores: Stores, current: Mapping[str, Any], notes: Notes) -> AnswerFacts:
    """Read what an answer says of itself: its summary, which may be megabytes, once.

    Args:
        stores: The dataset's buckets.
        current: What current.json says.
        notes: What was read before.
    """
    directory, run_key = current["variant"]["directory"], current["run_key"]
    models = [model for model in (current["model"], current.get("then")) if model is not None]
    named = ", then ".join(f"{model['name']} {model['version']}" for model in models)
    told = AnswerFacts(run_key, directory, named, current["result_sha256"], current.get("listed_at"))
    key = stores.layout.variant(directory).run(run_key).summary
    said = notes.once(stores.results, (key, told.result_sha256), lambda: _read_said(stores, key, run_key))
    return told if said is None else replace(told, **said)


def _read_said(stores: Stores, key: str, run_key: str) -> dict[str, Any] | None:
    summary = find_summary(stores.results, key)
    if summary is None:
        return None
    with reading(f"summary.json of run {run_key}", DAMAGED_SUMMARY):
        return {
            "conf": float(summary.result["conf"]), "examined": summary.examined, "uses": dict(summary.uses),
            "cameras": _cameras(summary), "has_report": "report.html" in summary.named,
        }  # fmt: skip


def _newest(runs: Mapping[str, str]) -> tuple[list[str], list[str]]:
    newest = sorted(runs, reverse=True)[:LOOKED_AT]
    return newest, [runs[run_key] for run_key in newest]


def _short(latest: RunDigest | None, runs: int, facts: RunFacts | None, found: Diagnosis | None) -> str:
    if latest is None:
        return "no run yet" if runs <= LOOKED_AT else f"its newest {LOOKED_AT} runs were to infer nothing"
    if facts is None or found is None:
        return _IDLE.get(latest.state, latest.state)
    progress = facts.progress
    if found.state is State.RUNNING and progress is not None and progress.images:
        return f"infer {progress.done / progress.images:.0%} · {progress.eta}"
    return str(found.state)


def _variants(runs: Mapping[str, str]) -> Iterator[VariantRuns]:
    count = Counter(runs.values())
    newest = {variant: run_key for run_key, variant in sorted(runs.items())}
    for variant in sorted(count, key=lambda one: newest[one], reverse=True):
        yield VariantRuns(variant, count[variant], newest[variant])


def _cameras(summary: StoredSummary) -> dict[str, tuple[int, str | None]]:
    """Read the used images of each camera, deployments together, and its newest one: each taxon's line says the same of it."""
    images: dict[tuple[str, Any], int] = {}
    newest: dict[str, str | None] = {}
    for line in summary.result["series"]:
        camera = str(line["camera"])
        images[camera, line["deployment"]] = int(line["images"])
        newest[camera] = max(filter(None, (newest.get(camera), line["last_image"])), default=None)
    return {
        camera: (sum(count for (of, _), count in images.items() if of == camera), newest[camera])
        for camera in sorted(newest)
    }


def _what_waits(
    latest: RunDigest | None, found: Diagnosis | None, notice: Mapping[str, Any] | None, name: str
) -> Iterator[Waits]:
    if latest is not None and latest.state == "unreadable":
        yield Waits(latest.trouble, f"python -m shoal why {name}/{latest.run_key}")
    if found is not None and found.state in {State.WAITING, State.ENDED, State.STOPPED}:
        yield Waits(found.cause, found.next)
    if notice is not None:
        model = notice["model"]
        yield Waits(
            f"{model['name']} {model['version']} was released: {notice['images']} images, {notice['cpu_hours']:.3g} CPU hours",
            str(notice["command"]),
        )
