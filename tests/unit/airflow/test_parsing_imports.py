"""What reading the DAG file imports: Airflow does it again and again, and before every task."""

import json
import os
import subprocess
import sys

import yaml

from dataset_settings import dataset_settings

HEAVY = {"airflow.models.dagrun", "kubernetes.client", "pandas", "minio"}
READ = """
import json, sys
import airflow.sdk
from shoal.airflow import dags
print(json.dumps([sorted(dags.build()), sorted(sys.modules)]))
"""


def test_reading_a_dataset_with_pods_imports_no_database_models_no_client_and_no_pandas(tmp_path):
    settings = dataset_settings("reef", "store", cluster={"kind": "kubernetes", "pod": {"transfer": "direct"}})
    (tmp_path / "reef.yaml").write_text(yaml.safe_dump({**settings, "worker": {"image": "worker"}}), encoding="utf-8")
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "airflow"), "SHOAL_DATASETS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ], env=environment, capture_output=True, check=True
    )
    made, imported = json.loads(done.stdout.splitlines()[-1])
    assert made == ["backfill_reef", "reanalyse_reef"]
    assert not HEAVY & set(imported)
