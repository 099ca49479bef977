"""How far a dataset has come: its answer, the runs on the way to one, and a newer model version."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from shoal.contract.errors import ConfigError
from shoal.contract.run_names import reanalyse_dag_id
from shoal.history.facts import RunFacts, read_facts
from shoal.history.find_run import latest_run
from shoal.history.notes import Notes
from shoal.history.open_chains import OpenChain, list_open_chains
from shoal.history.progress import RunProgress
from shoal.history.seen_run import see_run
from shoal.history.why import Diagnosis, State, diagnose
from shoal.plan.release_notice import read_notice
from shoal.results.answer import read_current
from shoal.results.run_list import list_run_folders, list_runs
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores

_OF_MODEL = ("name", "version", "sha256")


@dataclass(frozen=True)
class FirstRun:
    """What the latest run of a dataset without an answer has come to.

    Attributes:
        run: The run, `<dataset>/<run_key>`.
        state: Its state, and why.
        cause: The first cause.
        next: What to do.
        rows: Images that have a row, of `images`; None before there is a plan.
        images: Images that the run is to look at.
        progress: What its workers say; None where nobody can tell.
        shards_done: Shards without an open image, of `shards`.
        shards: Its shards.
    """

    run: str
    state: str
    cause: str
    next: str
    rows: int | None = None
    images: int | None = None
    shards_done: int | None = None
    shards: int | None = None
    progress: RunProgress | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it as `current --json` prints it."""
        return {**asdict(self), "progress": self.progress.to_json() if self.progress else None}

    def describe(self) -> list[str]:
        """Tell it in a few lines."""
        lines = [f"run      {self.run}", f"state    {self.state}: {self.cause}"]
        if self.progress is not None:
            lines.append(f"progress {self.progress.describe()}")
        elif self.rows is not None:
            lines.append(
                f"rows     {self.rows} of {self.images} images, {self.shards_done} of {self.shards} shards done"
            )
        return [*lines, f"next     {self.next}"]


@dataclass(frozen=True)
class Standing:
    """How far a dataset has come.

    Attributes:
        dataset: Its name.
        current: What current.json says; None where there is no answer yet.
        summary: Where the answer's summary lies; empty without one.
        chains: Runs that go on, newest first.
        first_run: The latest run, where there is neither an answer nor a chain.
        under_way: The latest run, where it is at work beside an answer or a chain.
        notice: What is known of a newer model version.
    """

    dataset: str
    current: Mapping[str, Any] | None
    summary: str
    chains: Sequence[OpenChain]
    first_run: FirstRun | None
    notice: Mapping[str, Any] | None
    under_way: FirstRun | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it as `current --json` prints it."""
        current, notice = self.current, self.notice
        return {
            "dataset": self.dataset,
            "run": current and f"{self.dataset}/{current['run_key']}",
            "model": current and {name: current["model"][name] for name in _OF_MODEL},
            **(
                {"then": {name: current["then"][name] for name in _OF_MODEL}} if current and current.get("then") else {}
            ),
            "result_sha256": current and current["result_sha256"],
            "summary": self.summary or None,
            "open": [
                {
                    "run": f"{chain.dataset}/{chain.run_key}",
                    "model": chain.model,
                    "examined": chain.examined,
                    "listed": chain.listed,
                    "summary": chain.summary_uri,
                    "command": chain.command,
                }
                for chain in self.chains
            ],
            "first_run": self.first_run and self.first_run.to_json(),
            "under_way": self.under_way and self.under_way.to_json(),
            "newer": notice
            and {
                "model": {name: notice["model"][name] for name in ("name", "version")},
                "images": notice["images"],
                "cpu_hours": notice["cpu_hours"],
                "command": notice["command"],
            },
        }

    def describe(self) -> list[str]:
        """Tell it in a few lines."""
        lines = [line for chain in self.chains for line in chain.describe()]
        if (current := self.current) is not None:
            model, then = current["model"], current.get("then")
            lines = [
                f"run      {self.dataset}/{current['run_key']}",
                f"model    {model['name']} {model['version']} (sha256 {model['sha256']})",
                *([f"then     {then['name']} {then['version']} (sha256 {then['sha256']})"] if then else []),
                f"result   sha256 {current['result_sha256']}",
                f"summary  {self.summary}",
                *lines,
            ]
        elif self.first_run is not None:
            lines = ["no answer yet", *self.first_run.describe()]
        else:
            lines = ["no answer yet: no run over the whole dataset is complete", *lines]
        if self.under_way is not None:
            first, *others = self.under_way.describe()
            lines += [first.replace("run     ", "now     ", 1), *others]
        if notice := self.notice:
            cost = f"{notice['cpu_hours']:.3g} CPU hours ({notice['seconds_per_image']['source']})"
            newer = (
                f"newer    {notice['model']['name']} {notice['model']['version']}: {notice['images']} images, {cost}"
            )
            lines += [newer, f"         {notice['command']}"]
        return lines


def read_standing(stores: Stores, dataset: Dataset) -> Standing:
    """Read what a dataset's results say of its answer, and of the runs on the way to it.

    Raises:
        ConfigError: It has no run at all.
        StoreError: The results bucket does not answer.
    """
    current, chains = read_current(stores.results, stores.layout), list_open_chains(stores, dataset)
    summary, first_run, under_way = "", None, None
    if current is not None:
        run = stores.layout.variant(current["variant"]["directory"]).run(current["run_key"])
        summary = stores.results.uri(run.summary)
    elif not chains:
        first_run = read_first_run(stores)
    if first_run is None:
        under_way = _read_under_way(stores)
    return Standing(dataset.name, current, summary, chains, first_run, read_notice(stores, dataset), under_way)


def _read_under_way(stores: Stores) -> FirstRun | None:
    """See whether the latest run is at work, or waits, beside what is there already."""
    seen = _see_under_way(stores)
    return seen and _told(*seen)


def _see_under_way(stores: Stores) -> tuple[RunFacts, Diagnosis] | None:
    runs = list_run_folders(stores.results, stores.layout)
    if not runs:
        return None
    latest = latest_run(stores, runs)
    if stores.results.has(stores.layout.variant(runs[latest]).run(latest).summary):
        return None
    facts = see_run(stores, latest, runs[latest], Notes())
    found = diagnose(facts)
    return (facts, found) if found.state in {State.RUNNING, State.WAITING} else None


def read_first_run(stores: Stores) -> FirstRun:
    """See what the latest run of a dataset without an answer has come to: nobody must trigger a second one beside it.

    Raises:
        ConfigError: It has no run at all.
    """
    name, runs = stores.layout.dataset, list_runs(stores.results, stores.layout)
    if not runs:
        raise ConfigError(f"Dataset {name!r} has no answer yet and no run - trigger {reanalyse_dag_id(name)}")
    facts = read_facts(stores, latest_run(stores, runs), runs)
    told = _told(facts, diagnose(facts))
    if facts.open is None or not facts.shards:
        return told
    total = sum(shard.images for shard in facts.shards)
    done = sum(not shard.open for shard in facts.shards)
    return replace(told, rows=total - facts.open.count, images=total, shards_done=done, shards=len(facts.shards))


def find_progress(stores: Stores, workers: int) -> RunProgress | None:
    """Tell how far the latest run is; None where none is at work.

    Args:
        stores: The dataset's buckets.
        workers: How many workers are at work at once, whatever the plan found room for.

    Raises:
        ShoalError: The results bucket does not answer, or a stored object is not what it must be.
    """
    seen = _see_under_way(stores)
    if seen is None or (facts := seen[0]).progress is None:
        return None
    return RunProgress.of(facts.progress.shards, workers, facts.plan.budget_s if facts.plan else None)


def _told(facts: RunFacts, found: Diagnosis) -> FirstRun:
    run = f"{facts.dataset}/{facts.run_key}"
    return FirstRun(run, str(found.state), found.cause, found.next, progress=facts.progress)
