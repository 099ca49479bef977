"""Dataset files that a neighbour wrote, or an editor left: what becomes a DAG, and what is said in its place."""

import shutil

import pytest
import yaml

from shoal.airflow import dags
from shoal.contract.errors import ConfigError
from shoal.settings.checkout import EXAMPLES
from shoal.settings.dataset_files import DATASETS_VARIABLE, dataset_files, load_dataset

DEMO = (EXAMPLES / "demo.yaml").read_text(encoding="utf-8")
GOOD = {"reanalyse_demo", "backfill_demo"}


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A folder of dataset files with the demo's in it."""
    monkeypatch.setenv(DATASETS_VARIABLE, str(tmp_path))
    (tmp_path / "demo.yaml").write_text(DEMO, encoding="utf-8")
    return tmp_path


def write(folder, name, **settings):
    (folder / name).write_text(yaml.safe_dump({**yaml.safe_load(DEMO), **settings}), encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [".#demo.yaml", ".demo.yaml.swp", "demo.yaml~", "#demo.yaml#", "demo.yaml.bak", "demo.yaml.orig", "~demo.yaml", ".demo.yml", "4913"],
)  # fmt: skip
def test_what_an_editor_leaves_is_no_dataset(folder, name):
    if name.startswith(".#"):
        (folder / name).symlink_to("somebody@host.1234:1700000000")  # as Emacs locks a file
    else:
        shutil.copy(folder / "demo.yaml", folder / name)
    assert set(dags.build()) == GOOD


@pytest.mark.parametrize(
    ("names", "made"),
    [
        (("dup.yaml", "dup.yml"), {"broken_dup"}),
        (("Reef.yaml", "reef.yaml"), {"broken_Reef", "broken_reef"}),
        (("reef.YAML", "reef.yml"), {"broken_reef"}),
    ],
    ids=["two endings", "two cases", "two endings in two cases"],
)
def test_two_files_of_one_name_are_told_not_one_of_them_taken(folder, names, made):
    for name in names:
        shutil.copy(folder / "demo.yaml", folder / name)
    built = dags.build()
    line = f"Dataset files {names[0]} and {names[1]} are of one name - keep one of them, or rename"
    assert set(built) == {*GOOD, *made}
    assert all(line in built[name].doc_md for name in made)
    for path in dataset_files(folder)[1:]:
        if path.stem != "demo":
            with pytest.raises(ConfigError, match=line):
                load_dataset(path)


def test_a_file_with_a_capital_ending_is_a_dataset(folder):
    shutil.move(folder / "demo.yaml", folder / "demo.YML")
    assert set(dags.build()) == GOOD


def test_a_notifier_that_is_none_takes_the_dataset_s_place(folder):
    write(folder, "reef.yaml", alerts={"notifiers": [{"notifier": "os.system", "arguments": {"command": "id"}}]})
    built = dags.build()
    assert set(built) == {*GOOD, "broken_reef"}
    assert "alerts.notifiers: os.system is no notifier: os has no class system" in built["broken_reef"].doc_md


def test_a_template_that_undoes_the_worker_s_security_takes_the_dataset_s_place(folder):
    pods = {"kind": "kubernetes", "pod": {"template": {"spec": {"hostNetwork": True, "serviceAccountName": "admin"}}}}
    write(folder, "reef.yaml", cluster=pods, worker={"image": "worker:1"}, sidecar={"image": "sidecar:1"})
    built = dags.build()
    assert set(built) == {*GOOD, "broken_reef"}
    lines = [line for line in built["broken_reef"].doc_md.splitlines() if line.startswith("cluster.pod.template")]
    assert [line.split(":")[0].removeprefix("cluster.pod.template.spec.") for line in lines] == [
        "hostNetwork", "serviceAccountName",
    ]  # fmt: skip
