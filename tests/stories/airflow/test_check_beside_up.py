"""`check` of a dataset of a person's own, whose connection was typed into the web interface of make up."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from shoal.settings.checkout import EXAMPLES

INCLUDE = Path(__file__).parents[3] / "include"


def test_it_finds_the_connection_and_leaves_the_home_folder_alone(new_database, store, tmp_path):
    shoal, person = tmp_path / ".shoal", tmp_path / "person"
    for folder in (person, shoal / "datasets", shoal / "airflow"):
        folder.mkdir(parents=True)
    shutil.copy2(new_database / "airflow.db", shoal / "airflow")
    typed = ("mine", "generic", store.access_key, store.secret_key, json.dumps({"endpoint_url": store.endpoint_url}))
    with sqlite3.connect(shoal / "airflow/airflow.db") as database:
        database.execute(
            "INSERT INTO connection (conn_id, conn_type, login, password, extra, is_encrypted, is_extra_encrypted) "
            "VALUES (?, ?, ?, ?, ?, false, false)",
            typed,
        )
    text = (EXAMPLES / "demo.yaml").read_text(encoding="utf-8").replace("conn_id: shoal_demo", "conn_id: mine")
    (shoal / "datasets/reef.yaml").write_text(text, encoding="utf-8")
    ours = ("AIRFLOW", "_AIRFLOW", "SHOAL_DATASETS")
    environment = {name: said for name, said in os.environ.items() if not name.startswith(ours)}
    environment |= {"HOME": str(person), "SHOAL_HOME": str(shoal), "PYTHONPATH": str(INCLUDE)}
    checking = [sys.executable, "-m", "shoal", "check", "reef", "--no-worker"]
    ran = subprocess.run(checking, env=environment, capture_output=True, text=True, check=False)
    assert "ok   dataset  reef is valid" in ran.stdout
    assert "is not defined" not in ran.stdout, ran.stdout
    assert f"No bucket 'demo-images' at {store.endpoint_url}" in ran.stdout, (
        "the store that the connection names is asked"
    )
    assert list(person.iterdir()) == []
