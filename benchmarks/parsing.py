"""What reading the DAG file costs beyond importing Airflow: once per 20 dataset files, each time Airflow looks at it.

Two kinds of datasets, because the Kubernetes provider is imported only where one has pods. Each measurement is a process of
its own; imports of Airflow are not counted, that of the provider is shown apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from shoal.embedded.home import Home
from shoal.settings.checkout import EXAMPLES
from shoal.stores.s3_access import StoreAccess

TARGET_S = 2.0
_PARSE = """
import json, logging, os, sys, time
logging.disable(logging.CRITICAL)
from airflow.sdk import DAG, TriggerRule
from airflow.dag_processing.dagbag import DagBag
def measure(step):
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
def provider():
    import airflow.providers.cncf.kubernetes.operators.pod
found = {"provider": measure(provider)} if sys.argv[1] == "pods" else {}
bags = []
found["parse"] = measure(lambda: bags.append(DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])))
assert not bags[0].import_errors, bags[0].import_errors
print(json.dumps({**found, "dags": len(bags[0].dags)}))
"""
_PODS = "cluster: {kind: kubernetes, pod: {transfer: direct}}\nworker: {image: shoal-worker}\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{arguments.files} dataset files, median of {arguments.rounds} rounds, {len(os.sched_getaffinity(0))} cores")
    print(f"{'':<20}{'DAGs':>6}{'seconds':>9}{'CPU s':>8}{'provider s':>12}")
    for kind, name in (("processes", "local processes"), ("pods", "pods")):
        measured = [_parse(kind, arguments.files) for _ in range(arguments.rounds)]
        seconds, cpu_s = (median(entry["parse"][field] for entry in measured) for field in ("wall_s", "cpu_s"))
        provider = f"{median(e['provider']['wall_s'] for e in measured):.2f}" if kind == "pods" else ""
        print(f"{name:<20}{measured[0]['dags']:>6}{seconds:>9.2f}{cpu_s:>8.2f}{provider:>12}")
    print(f"target: {TARGET_S:g} s beyond the imports of Airflow and, with pods, of its provider")


def _parse(kind: str, files: int) -> Mapping[str, Mapping[str, float]]:
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        home = Home(Path(folder))
        home.make()
        demo = (EXAMPLES / "demo.yaml").read_text(encoding="utf-8")
        text = demo if kind == "processes" else demo.split("cluster:")[0] + _PODS
        for number in range(files):
            (home.datasets / f"reef{number}.yaml").write_text(text, encoding="utf-8")
        environment = home.airflow_environment(StoreAccess("http://127.0.0.1:9", "nobody", "nothing"))
        command = [sys.executable, "-W", "ignore", "-c", _PARSE, kind]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found: Mapping[str, Mapping[str, float]] = json.loads(done.stdout.splitlines()[-1])
        return found


if __name__ == "__main__":
    main()
