"""Pages over an answer, filled in one process as in Airflow's web server: a line of JSON for each, and what all of it took.

The stores are read from the environment, as a worker reads them.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peak_memory import peak_bytes
from scale_once import scale_dataset

from shoal.airflow.pages.compare_page import CompareForm, compare_page
from shoal.airflow.pages.explore_form import ExploreForm
from shoal.airflow.pages.explore_page import explore_page, look
from shoal.answers.answer_cache import AnswerCache
from shoal.answers.awaited import StillOpeningError
from shoal.answers.find import find_run
from shoal.answers.kept_files import KeptFiles
from shoal.answers.looked_tables import need_looked
from shoal.compare.kept_comparisons import KeptComparisons
from shoal.settings.dataset_stores import open_stores
from shoal.stores.s3_access import StoreAccess

FORMS = {
    "all, as it is": ExploreForm(),
    "another score": ExploreForm(conf="0.5"),
    "one camera by day": ExploreForm(camera="CAM1", bin="day"),
    "a month": ExploreForm(start="2021-06-01", end="2021-07-01"),
    "by hour, another score": ExploreForm(bin="hour", conf="0.3"),
}
ROUNDS = 5


def main() -> None:
    """Open an answer, explore it, compare it with another one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("second", help="run_key of the run that the answer is compared with")
    arguments = parser.parse_args()
    dataset = scale_dataset()
    stores = open_stores(dataset, StoreAccess.from_env)
    before = peak_bytes()
    with tempfile.TemporaryDirectory(prefix="pages-") as folder:
        kept = KeptFiles(Path(folder), 8 * 1024**3)
        run, second = find_run(stores.results, stores.layout), find_run(stores.results, stores.layout, arguments.second)
        answers = AnswerCache(kept)
        answer = _told("fetched and opened", lambda: answers.open(stores.results, run.summary, wait_s=900))
        _told("made ready to explore", lambda: _patiently(lambda: need_looked(answer, run)))
        for name, form in FORMS.items():
            pages = [_timed(lambda form=form: _explore(run, answer, form)) for _ in range(ROUNDS)]
            seconds = sorted(took for took, _ in pages)
            print(
                json.dumps(
                    {
                        "explore": name,
                        "median_s": seconds[ROUNDS // 2],
                        "worst_s": seconds[-1],
                        "bytes": len(pages[0][1]),
                    }
                )
            )
        comparisons, form = KeptComparisons(kept), CompareForm(run.run_key, second.run_key)

        def compare() -> bytes:
            found = comparisons.get(stores.results, (run, second), dataset.taxa, wait_s=900)
            return compare_page("reanalyse_scale", dataset.name, form, [], compared=((run, second), found)).body

        _told("compared", compare)
        _told("compared again", compare)
        disk = sum(
            path.stat().st_size for path in kept.folder.rglob("*") if path.is_file() and path.stat().st_nlink == 1
        )
        answers.close()
    print(
        json.dumps(
            {"rss_mb": round(peak_bytes() / 1e6), "rss_before_mb": round(before / 1e6), "disk_mb": round(disk / 1e6)}
        )
    )


def _explore(run: Any, answer: Any, form: ExploreForm) -> bytes:
    return bytes(explore_page("reanalyse_scale", "variant", run, look(run, answer, form)).body)


def _patiently(ask: Callable[[], None]) -> None:
    while True:
        try:
            return ask()
        except StillOpeningError:
            continue


def _timed(do: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = do()
    return round(time.perf_counter() - began, 3), found


def _told(name: str, do: Callable[[], Any]) -> Any:
    took, found = _timed(do)
    print(json.dumps({"step": name, "seconds": took}), flush=True)
    return found


if __name__ == "__main__":
    main()
