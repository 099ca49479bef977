"""What an Airflow is told: one list of settings, printed by a command, used by images and Helm values; entry points lead somewhere."""

import configparser
import json
import re
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from pathlib import Path

import yaml

from shoal.cli import airflow_config

ROOT = Path(__file__).parents[2]
BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"


def printed(capsys, *words: str) -> str:
    parser = ArgumentParser()
    airflow_config.add_arguments(parser)
    airflow_config.execute(parser.parse_args(words))
    return capsys.readouterr().out


def test_a_shell_understands_what_is_printed(capsys):
    words = printed(capsys, "--datasets", "/data/it's ours")
    said = subprocess.run(
        ["sh", "-c", f"set -a\n{words}\nexec env -0"], capture_output=True, text=True, check=True
    ).stdout
    found = dict(line.split("=", 1) for line in said.rstrip("\0").split("\0"))
    assert found["AIRFLOW__SHOAL__DATASETS_FOLDER"] == "/data/it's ours"
    assert json.loads(found[BUNDLES]) == airflow_config.BUNDLES


def test_airflow_s_own_form_says_the_same(capsys):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(printed(capsys, "--cfg", "--datasets", "/data"))
    told = {
        f"AIRFLOW__{section}__{name}".upper(): value
        for section in parser.sections()
        for name, value in parser[section].items()
    }
    lines = re.findall(r"^(AIRFLOW__\w+)=", printed(capsys, "--datasets", "/data"), re.MULTILINE)
    assert sorted(told) == sorted(lines)
    assert json.loads(told[BUNDLES]) == airflow_config.BUNDLES


def test_image_and_helm_values_name_the_bundles_that_are_printed():
    dockerfile = (ROOT / "docker/airflow/Dockerfile").read_text(encoding="utf-8")
    assert json.loads(re.search(rf"^ENV {BUNDLES}='(.*)'$", dockerfile, re.MULTILINE)[1]) == airflow_config.BUNDLES
    values = yaml.safe_load((ROOT / "deploy/helm-values.yaml").read_text(encoding="utf-8"))
    told = {entry["name"]: entry["value"] for entry in values["env"]}
    assert json.loads(told[BUNDLES]) == airflow_config.BUNDLES
    assert told["AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD"] == airflow_config.PRELOADED


LOADED = """
import importlib, json, sys
from importlib.metadata import EntryPoint
entries = json.loads(sys.argv[1])
plugin, provider = (EntryPoint("shoal", entry, "").load() for entry in entries)
from airflow.dag_processing.bundles.manager import import_string
import_string("shoal.airflow.bundle.ShoalDagBundle")(name="shoal").initialize()
info = provider()
for kind in ("operators", "sensors", "hooks", "triggers"):
    for entry in info[kind]:
        for name in entry["python-modules"]:
            importlib.import_module(name)
import jsonschema, airflow
from pathlib import Path
schema = json.loads((Path(airflow.__path__[0]) / "provider_info.schema.json").read_text())
jsonschema.validate(info, schema)
print(plugin.name, info["package-name"])
"""


def test_the_entry_points_lead_to_what_airflow_expects(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project["entry-points"]
    entries = [groups["airflow.plugins"]["shoal"], groups["apache_airflow_provider"]["provider_info"]]
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADED, json.dumps(entries)], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT / "include"), "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[-2:] == ["shoal", project["name"]]
