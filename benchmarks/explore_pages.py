"""How long pages over the answer of very many images take in Airflow's web server, and what that holds meanwhile.

Makes the bucket of the benchmark of scale with `--keys` images, summarizes what workers would have stored of it twice, once with
another confidence, and fills in the pages that explore the first run and compare the two, in one process. The answers lie in a
real store on this machine. Each step is a line of JSON.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from exports import environment_of, step
from scale import fill_store, make_truth, write_rows
from scale_once import scale_dataset
from scale_server import serve_entries

from shoal.embedded.processes.rclone import embedded_store
from shoal.settings.dataset_stores import open_stores

HERE = Path(__file__).parent


def main() -> None:
    """Make two answers, look at them."""
    arguments = read_arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="pages-", dir=arguments.folder) as folder:
        root = Path(folder)
        truth = make_truth(root, arguments.keys, arguments.boxes)
        fill_store(root / "store")
        with embedded_store(root / "store", root / "store.log") as store, serve_entries(root / "entries") as source:
            access = {"source": source, "models": store, "results": store}
            stores, environment = open_stores(scale_dataset(), access.__getitem__), environment_of(access, root)
            plans = [step(["plan"], environment)]
            write_rows(truth, stores.layout.variant(plans[0]["variant"]), plans[0]["run_key"], stores.results, 100_000)
            truth.close()
            (root / "truth.duckdb").unlink()
            plans.append(step(["plan", "--conf=0.4"], environment))
            for plan in plans:
                words = ["summarize", f"--run-key={plan['run_key']}", f"--variant={plan['variant']}"]
                if not step(words, environment)["complete"]:
                    raise RuntimeError("the answer is not complete")
            home = {"AIRFLOW_HOME": str(root / "airflow"), **os.environ, **environment}
            command = [sys.executable, str(HERE / "pages_once.py"), plans[1]["run_key"]]
            subprocess.run(command, env=home, check=True)


def read_arguments(what: str | None) -> argparse.Namespace:
    """Read how large the bucket of a benchmark of pages is, and where it lies.

    Args:
        what: The benchmark does.
    """
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, metavar="N", help="images in the bucket (1000000)")
    parser.add_argument("--boxes", type=int, default=4, metavar="N", help="boxes of an image, on average (4)")
    parser.add_argument("--folder", help="where all of it lies meanwhile (the folder for temporary files)")
    arguments = parser.parse_args()
    if min(arguments.keys, arguments.boxes) < 1:
        parser.error("keys and boxes are at least 1")
    return arguments


if __name__ == "__main__":
    main()
