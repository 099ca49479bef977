"""What the pages of images take over very many of them: seconds of each page, and what the answer takes on the web server's disk.

Makes the bucket of the benchmark of scale with `--keys` images and some `--boxes` boxes each, summarizes what workers would have
stored of it, and asks Shoal's pages, the real application over a real store on this machine, for each kind of page: the first one
brings the answer here, every other one is asked for twice and differs from all before, so that nothing is kept of it. The images
themselves are nowhere, so that no picture is among it. The last line is JSON.
"""

import json
import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml
from explore_pages import read_arguments
from exports import environment_of, step
from peak_memory import peak_bytes
from scale import fill_store, make_truth, write_rows
from scale_once import scale_dataset
from scale_server import serve_entries

from shoal.embedded.processes.rclone import embedded_store
from shoal.settings.dataset_files import DATASETS_VARIABLE
from shoal.settings.dataset_stores import open_stores
from shoal.stores.s3_access import StoreAccess

TAXA = ("Chromis chromis", "Diplodus vulgaris")


def main() -> None:
    """Make an answer, look at it."""
    arguments = read_arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="answer-pages-", dir=arguments.folder) as folder:
        root = Path(folder)
        truth = make_truth(root, arguments.keys, arguments.boxes)
        fill_store(root / "store")
        with embedded_store(root / "store", root / "store.log") as store, serve_entries(root / "entries") as source:
            access = {"source": source, "models": store, "results": store}
            dataset = scale_dataset()
            stores, environment = open_stores(dataset, access.__getitem__), environment_of(access, root)
            plan = step(["plan"], environment)
            layout = stores.layout.variant(plan["variant"])
            write_rows(truth, layout, plan["run_key"], stores.results, 100_000)
            truth.close()
            (root / "truth.duckdb").unlink()
            step(["summarize", f"--run-key={plan['run_key']}", f"--variant={plan['variant']}"], environment)
            (root / "datasets").mkdir()
            settings = dataset.model_dump(mode="json", exclude={"name"}, exclude_none=True)
            (root / "datasets" / f"{dataset.name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
            _configure(root, access)
            told = _look(f"reanalyse_{dataset.name}/{plan['variant']}/{plan['run_key']}", root, arguments.keys)
        print(json.dumps({"images": arguments.keys, **told}))


def _configure(root: Path, access: dict[str, StoreAccess]) -> None:
    os.environ["AIRFLOW_HOME"] = str(root / "home")
    os.environ[DATASETS_VARIABLE] = str(root / "datasets")
    os.environ["TMPDIR"] = tempfile.tempdir = str(root / "tmp")
    for conn_id, one in access.items():
        url = urlsplit(one.endpoint_url or "")
        os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(
            {
                "conn_type": "generic",
                "host": url.hostname,
                "port": url.port,
                "login": one.access_key,
                "password": one.secret_key,
                "extra": {"secure": False},
            }
        )


def _look(run: str, root: Path, keys: int) -> dict[str, Any]:
    from starlette.testclient import TestClient  # noqa: PLC0415 - Airflow is configured now

    from shoal.airflow.pages.app import app, logged_in, may_see_dag  # noqa: PLC0415

    app.dependency_overrides |= {may_see_dag[0].dependency: lambda: None, logged_in[0].dependency: lambda: None}
    for name in ("httpx", "httpx2"):  # a line for each page
        logging.getLogger(name).setLevel(logging.WARNING)
    client = TestClient(app)
    began, before = time.perf_counter(), peak_bytes()
    while "One moment" in _get(client, f"/images/{run}"):
        time.sleep(0.2)
    brought = time.perf_counter() - began
    on_disk = sum(path.stat().st_size for path in (root / "tmp").rglob("*") if path.is_file())
    pages = {name: [_timed(client, path) for path in paths] for name, paths in _pages(client, run, keys).items()}
    for name, seconds in pages.items():
        told = ", ".join(f"{wall:.3f} s ({cpu:.3f} s of CPU)" for wall, cpu in seconds)
        print(f"{name}: {told}", file=sys.stderr)
    return {
        "brought_s": round(brought, 1),
        "on_disk_mb": round(on_disk / 1e6),
        "rss_mb": round(peak_bytes() / 1e6),
        "rss_before_mb": round(before / 1e6),
        **{name: round(statistics.median(wall for wall, _ in seconds), 3) for name, seconds in pages.items()},
        "worst_s": round(max(wall for seconds in pages.values() for wall, _ in seconds), 3),
        "worst_cpu_s": round(max(cpu for seconds in pages.values() for _, cpu in seconds), 3),
    }


def _pages(client: Any, run: str, keys: int) -> dict[str, list[str]]:
    def images(*asked: dict[str, Any]) -> list[str]:
        return [f"/images/{run}?{urlencode(one)}" for one in asked]

    body = _get(client, f"/images/{run}?order=time&camera=CAM2")
    hrefs = [
        part.split('"')[0].replace("&amp;", "&").split("/shoal", 1)[1]
        for part in body.split('class="shot" href="')[1:4]
    ]
    return {
        "most boxes": images({"conf": "0.31"}, {"conf": "0.32"}),
        "of a taxon": images(*({"taxon": taxon} for taxon in TAXA)),
        "another threshold": images(*({"taxon": taxon, "conf": "0.1"} for taxon in TAXA)),
        "of a camera and month": images(
            *(
                {"taxon": TAXA[0], "camera": "CAM1", "from": f"2021-0{month}-01", "to": f"2021-0{month + 1}-01"}
                for month in (3, 4)
            )
        ),
        "least sure": images(*({"taxon": taxon, "order": "doubt"} for taxon in TAXA)),
        "random": images({"order": "random", "seed": 7}, {"order": "random", "seed": 8}),
        "far behind": images({"page": keys // 100}, {"order": "time", "page": keys // 40}),
        "duplicates": images({"use": "duplicate"}, {"use": "duplicate", "camera": "CAM3"}),
        "failed": images({"use": "failed"}, {"use": "undated"}),
        "one image": list(hrefs[1:]),
        "failures": [f"/failures/{run}?fate=failed&page={page}" for page in ((1, 2) if keys > 50_000 else (1,))],
    }


def _timed(client: Any, path: str) -> tuple[float, float]:
    """Ask for a page; return seconds, and seconds of CPU of this whole process."""
    began, cpu = time.perf_counter(), time.process_time()
    _get(client, path)
    return time.perf_counter() - began, time.process_time() - cpu


def _get(client: Any, path: str) -> str:
    got = client.get(path)
    if got.status_code != 200:
        raise RuntimeError(f"{path}: {got.status_code} {got.text[-600:]}")
    return str(got.text)


if __name__ == "__main__":
    main()
