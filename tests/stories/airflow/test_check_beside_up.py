"""`check` of a dataset of a person's own, whose connection was typed into the web interface of make up."""

import json
import os
import subprocess
import sys
from pathlib import Path

from shoal.settings.checkout import EXAMPLES

INCLUDE = Path(__file__).parents[3] / "include"
WORDS = [sys.executable, "-m", "shoal"]


def test_it_finds_the_connection_and_leaves_the_home_folder_alone(fresh_installation, store, tmp_path):
    shoal, person = fresh_installation.home, tmp_path / "person"
    person.mkdir()
    (shoal / "datasets").mkdir()
    text = (EXAMPLES / "demo.yaml").read_text(encoding="utf-8").replace("conn_id: shoal_demo", "conn_id: mine")
    (shoal / "datasets/reef.yaml").write_text(text, encoding="utf-8")
    ours = ("AIRFLOW", "_AIRFLOW", "SHOAL_DATASETS")
    environment = {name: said for name, said in os.environ.items() if not name.startswith(ours)}
    environment |= {"HOME": str(person), "SHOAL_HOME": str(shoal), "PYTHONPATH": str(INCLUDE)}
    connection = {"conn_type": "generic", "login": store.access_key, "password": store.secret_key}
    typed = json.dumps({**connection, "extra": {"endpoint_url": store.endpoint_url}})
    adding = [*WORDS, "airflow", "connections", "add", "mine", "--conn-json", typed]
    subprocess.run(adding, env=environment, check=True, capture_output=True)
    checking = [*WORDS, "check", "reef", "--no-worker"]
    ran = subprocess.run(checking, env=environment, capture_output=True, text=True, check=False)
    assert "ok   dataset  reef is valid" in ran.stdout
    assert "is not defined" not in ran.stdout, ran.stdout
    assert f"No bucket 'demo-images' at {store.endpoint_url}" in ran.stdout, (
        "the store that the connection names is asked, and has no such bucket"
    )
    assert list(person.iterdir()) == []
