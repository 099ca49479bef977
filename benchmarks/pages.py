"""How long people wait for Shoal's pages: `--datasets` datasets, a run of `--shards` shards, and a dataset of `--runs` runs.

The pages are those of the real application in a process of its own, asked one after the other, over an embedded store. Cold is
the first look since the process began; warm a second one at once; later one when nothing that was read is fresh any more and a
tenth of the workers have said something new. The last line says all of it in JSON.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from far_store import far_store

from asked_pages import AskedPages, asked_pages
from pipeline import make_pipeline
from shoal.contract.layout import DatasetLayout
from shoal.contract.minted_names import mint_attempt, mint_run_key
from shoal.contract.progress_note import ProgressNote
from shoal.contract.run_layout import RunLayout
from shoal.contract.run_names import reanalyse_dag_id
from shoal.contract.units import utc_text
from shoal.embedded.processes.rclone import embedded_store
from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model
from shoal.embedded.samples.scenes import demo_scenes
from shoal.settings.dataset import Dataset
from shoal.stores.s3_access import StoreAccess
from written_rows import write_rows

CONN_ID = "test"
STALE_S = 17.0
"""After so long nothing that pages read is fresh any more."""

IMAGES_A_SHARD, NODES, TENTH = 2000, 40, 10
SCENES = 20
NOT_COPIED = shutil.ignore_patterns("summary-*", "parts", "ledger", "answer", "files")
"""Files and tables of an answer, which these pages do not read."""


@dataclass(frozen=True)
class Page:
    """A page: its address, and words that it must hold."""

    path: str
    holds: tuple[str, ...]


@dataclass(frozen=True)
class Bucket:
    """A results bucket as the embedded store keeps it, a file for each object.

    Attributes:
        folder: The folder that is the bucket.
        dataset: The dataset that was summarized; the others are copies of its folder.
        variant: Folder of its variant.
        run_key: Its complete run.
    """

    folder: Path
    dataset: Dataset
    variant: str
    run_key: str

    def run(self, name: str, run_key: str) -> RunLayout:
        """Tell where a run lies."""
        return DatasetLayout(self.dataset.results.prefix, name).variant(self.variant).run(run_key)

    def copy(self, name: str) -> None:
        """Give another dataset all that this one has."""
        root = DatasetLayout(self.dataset.results.prefix, name).root
        here = DatasetLayout(self.dataset.results.prefix, self.dataset.name).root
        shutil.copytree(self.folder / here, self.folder / root, ignore=NOT_COPIED)

    def plan_again(self, name: str, at: datetime, run_id: str, shards: int = 0) -> str:
        """Write the plan of a run without a summary, of so many shards, or those that were planned; return its run_key."""
        run_key = mint_run_key(at)
        stored = json.loads((self.folder / self.run(name, self.run_key).plan).read_text(encoding="utf-8"))
        plan = stored | {"run_key": run_key, "dag_run": stored["dag_run"] | {"run_id": run_id}}
        if shards:
            keys = [f"IPC608/20260601-{shard:06d}.jpg" for shard in range(shards + 1)]
            plan["shards"] = [
                {"shard": shard, "images": IMAGES_A_SHARD, "first_key": keys[shard], "last_key": keys[shard + 1]}
                for shard in range(shards)
            ]
        self.write(self.run(name, run_key).plan, plan)
        return run_key

    def say(self, run: RunLayout, attempts: Mapping[int, str], done: int) -> None:
        """Let workers of a run at work say how far they are."""
        for shard, attempt in attempts.items():
            now = utc_text(datetime.now(UTC))
            note = ProgressNote(
                shard, IMAGES_A_SHARD, done, done // 50, 4.0, 14_000.0, now, now, f"node-{shard % NODES}"
            )
            self.write(run.shard_progress(shard, attempt), note.to_json())

    def write(self, key: str, value: Mapping[str, object]) -> None:
        """Write an object of JSON."""
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=100)
    parser.add_argument("--shards", type=int, default=500)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=0.0, help="what each request to the store takes besides")
    arguments = parser.parse_args()
    print(
        f"{arguments.datasets} datasets, a run of {arguments.shards} shards, a dataset of {arguments.runs} runs, "
        f"store {arguments.latency_ms:g} ms away"
    )
    with tempfile.TemporaryDirectory(prefix="shoal-pages-") as name:
        root, files, home = Path(name, "store"), Path(name, "datasets"), Path(name, "home")
        for folder in (root, files, home):
            folder.mkdir()
        with embedded_store(root, Path(name, "log")) as access:
            bucket = _summarize(access, root, files)
        names = _copy(bucket, files, arguments.datasets)
        busy = _Busy.begin(bucket, names[0], arguments.shards)
        pages = _pages(bucket, names, busy, arguments.runs)
        places = {f"shoal_results_{name}": f"s3://{CONN_ID}@{bucket.folder.name}/{name}/" for name in names}
        with (
            embedded_store(root, Path(name, "log")) as access,
            far_store(access, arguments.latency_ms) as far,
            asked_pages(far, CONN_ID, files, home, places) as asked,
        ):
            measured, peak_bytes = _measure(asked, pages, busy)
    _tell(measured)
    print(json.dumps({**vars(arguments), "peak_mb": round(peak_bytes / 1e6), "pages": measured}))


def _summarize(access: StoreAccess, root: Path, files: Path) -> Bucket:
    pipeline = make_pipeline(access, {"v1": build_demo_model(VERSIONS["v1"], "v1")}, files)
    pipeline.put_scenes(scene for _, scene in zip(range(SCENES), demo_scenes(), strict=False))
    plan = pipeline.plan(at=datetime.now(UTC) - timedelta(days=1))
    write_rows(pipeline, plan)
    pipeline.summarize(plan)
    results = pipeline.dataset.results.bucket
    return Bucket(root / results, pipeline.dataset, plan.variant.directory, plan.run_key)


def _copy(bucket: Bucket, files: Path, datasets: int) -> list[str]:
    """Make as many datasets as are wanted, each with a file and an answer."""
    first = bucket.dataset.name
    names = [first, *(f"{first}-{number}" for number in range(1, datasets))]
    for name in names[1:]:
        shutil.copy(files / f"{first}.yaml", files / f"{name}.yaml")
        bucket.copy(name)
    return names


@dataclass(frozen=True)
class _Busy:
    """A run at work, and the attempts at its shards."""

    bucket: Bucket
    run_key: str
    run: RunLayout
    attempts: Mapping[int, str]

    @classmethod
    def begin(cls, bucket: Bucket, name: str, shards: int) -> "_Busy":
        """Plan it, and let each worker say something."""
        run_key = bucket.plan_again(name, datetime.now(UTC), "manual__busy", shards)
        busy = cls(bucket, run_key, bucket.run(name, run_key), {shard: mint_attempt() for shard in range(shards)})
        bucket.say(busy.run, busy.attempts, 100)
        return busy

    def go_on(self) -> None:
        """Let a tenth of the workers say something."""
        some = {shard: attempt for shard, attempt in self.attempts.items() if shard % TENTH == 0}
        self.bucket.say(self.run, some, 400)


def _pages(bucket: Bucket, names: list[str], busy: _Busy, runs: int) -> dict[str, Page]:
    """Name the pages, and make the dataset of many runs."""
    for number in range(runs):
        bucket.plan_again(names[1], datetime.now(UTC) - timedelta(days=2, minutes=number), f"scheduled__{number}")
    page, shards = f"/run/{reanalyse_dag_id(names[0])}/{bucket.variant}", len(busy.attempts)
    done = (f"of {IMAGES_A_SHARD * shards:,} done", "images/s")
    answer = (f"run {bucket.run_key}, result sha256",)
    return {
        "a dataset": Page(f"/dataset/{reanalyse_dag_id(names[-1])}", answer),
        f"a run of {shards} shards": Page(f"{page}/{busy.run_key}", done),
        "its part that changes": Page(f"{page}/{busy.run_key}/now", done),
        "a run that is complete": Page(f"{page}/{bucket.run_key}", (f"Examined {SCENES} = ",)),
        f"a dataset of {runs} runs": Page(f"/dataset/{reanalyse_dag_id(names[1])}", (*answer, "by the schedule")),
        f"all {len(names)} datasets": Page("/", (*names, "infer ", "idle")),
    }


def _measure(asked: AskedPages, pages: Mapping[str, Page], busy: _Busy) -> tuple[dict[str, dict[str, float]], int]:
    """Ask for each page cold, warm and later; also tell the most memory that the process had."""
    found: dict[str, dict[str, float]] = {name: {} for name in pages}
    peak_bytes = asked.get("/static/shoal.css").peak_bytes  # what the process imports is of no page
    for looks in (("cold", "warm"), ("later",)):
        if "later" in looks:
            time.sleep(STALE_S)
            busy.go_on()
        for name, page in pages.items():
            for when in looks:
                began = time.perf_counter()
                answer = asked.get(page.path)
                seconds = time.perf_counter() - began
                if answer.status != 200 or not all(words in answer.body for words in page.holds):
                    raise RuntimeError(f"{page.path} has not {page.holds}: {answer.status} {answer.body[:5000]}")
                found[name] |= {f"{when}_s": round(seconds, 4), "kb": round(len(answer.body.encode()) / 1e3, 1)}
                found[name] |= {f"{when}_without_months": True} if "Not shown: " in answer.body else {}
                peak_bytes = max(peak_bytes, answer.peak_bytes)
    for times in found.values():
        times["cold_per_warm"] = round(times["cold_s"] / times["warm_s"], 1)
    return found, peak_bytes


def _tell(measured: Mapping[str, Mapping[str, float]]) -> None:
    print(f"{'':<28}{'cold s':>10}{'warm s':>10}{'later s':>10}{'cold/warm':>12}{'kB':>10}")
    for name, times in measured.items():
        columns = "".join(f"{times[one]:>10.3f}" for one in ("cold_s", "warm_s", "later_s"))
        without = " (cold: its months come later)" if times.get("cold_without_months") else ""
        print(f"{name:<28}{columns}{times['cold_per_warm']:>12.1f}{times['kb']:>10.1f}{without}")


if __name__ == "__main__":
    main()
