"""Keys chosen to reach further than the bucket: each is an image like any other, from listing to report, and no more."""

import re
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hostile import hostile_keys
from pipeline import INCLUDE, make_pipeline
from shoal.contract.worker_command import WorkerCommand
from shoal.embedded.processes.rclone import embedded_store
from shoal.engines.kubernetes.manifests import ShardPod, shard_pod
from shoal.history.facts import read_facts
from shoal.history.why import diagnose
from shoal.results.run_list import list_runs
from shoal.settings.execution import Cluster, Sidecar
from shoal.settings.service import Worker


class Elements(HTMLParser):
    """Counts the elements of a page by name, and their event handlers."""

    def __init__(self, text):
        super().__init__()
        self.names, self.handlers = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture(scope="module")
def hostile_run(demo_models, scenes, tmp_path_factory):
    """A whole run over hostile keys whose cameras are hostile too. They are files before the store serves them."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "data").mkdir()
    with embedded_store(folder / "data", folder / "store.log") as access:
        pipeline = make_pipeline(
            access, demo_models, folder,
            clock={"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>(?s:.*))-CAM1"}, report={"bins": ["day"]},
        )  # fmt: skip
        keys = hostile_keys()
        for number, key in enumerate(keys.values()):
            path = folder / "data" / pipeline.stores.source.bucket / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(scenes[10 + number].jpeg)
        time.sleep(2.5)  # the store looks at its folders again
        listed = pipeline.stores.source.list_keys("")
        # rclone shows control characters by their pictures; MinIO holds them as they are, see tests/pods.
        keys["control"] = keys["control"].translate({code: 0x2400 + code for code in range(32)})
        plan = pipeline.plan()
        pipeline.infer(plan)
        yield pipeline, plan, pipeline.summarize(plan), keys, listed


def test_the_store_holds_every_hostile_key(hostile_run):
    _, _, _, put, listed = hostile_run
    assert sorted(put.values()) == sorted(listed)
    assert max(len(key.encode()) for key in listed) == 1024


def test_every_hostile_key_is_an_image_like_any_other(hostile_run):
    pipeline, plan, done, put, _ = hostile_run
    rows = pipeline.rows(done)
    assert {attack: rows[key]["status"] for attack, key in put.items()} == dict.fromkeys(put, "processed")
    assert done.balance.complete
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()


def test_the_report_shows_hostile_names_as_text(hostile_run):
    pipeline, _, done, *_ = hostile_run
    page = pipeline.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    elements = Elements(page)
    assert {"img", "iframe", "object", "link"}.isdisjoint(elements.names)
    assert elements.names.count("script") == 4, "its data and its own three scripts"
    assert elements.handlers == []
    assert "&lt;img src=x onerror=alert(1)&gt;" in page, "the camera is shown"
    assert "onerror=alert(1)>" not in page


def test_cameras_of_hostile_names_keep_their_series(hostile_run):
    _, _, done, put, _ = hostile_run
    cameras = {entry["camera"] for entry in done.summary["result"]["series"]}
    assert len(cameras) == len(put)


def test_why_prints_hostile_keys_in_one_line_each(hostile_run):
    pipeline, plan, *_ = hostile_run
    later = pipeline.plan(retry_failed=["empty"], prefix="2026")
    pipeline.stores.results.delete([pipeline.stores.layout.variant(plan.variant.directory).run(later.run_key).summary])
    facts = read_facts(pipeline.stores, plan.run_key, list_runs(pipeline.stores.results, pipeline.stores.layout))
    found = diagnose(facts)
    for line in (*found.images, *found.shards, found.cause, found.next):
        assert line.isprintable()


def test_no_hostile_key_ran_anything(hostile_run):
    assert not Path("hostile").exists()
    assert not (INCLUDE / "hostile").exists()


@pytest.mark.parametrize("attack", hostile_keys())
def test_a_pod_gets_a_hostile_key_as_a_value_kubernetes_does_not_expand(attack):
    """Kubernetes replaces $(NAME) in values by the container's own variables, credentials among them; $$ is a plain $."""
    key = hostile_keys()[attack]
    command = WorkerCommand("results", "runs/plan.json", 7, "attempt7")
    shard = ShardPod("shoal-0123", "20260601T020000Z-abcd1234", command, "images", key, "uid-1")
    pod = shard_pod(
        Cluster(kind="kubernetes", pod={"transfer": "mount"}), Worker(image="w:1"), Sidecar(image="s:1"), shard
    )
    [sidecar] = pod["spec"]["initContainers"]
    [value] = [entry["value"] for entry in sidecar["env"] if entry["name"] == "SHOAL_PROBE_KEY"]
    assert expanded_by_kubernetes(value, {"SHOAL_SOURCE_SECRET_KEY": "the secret"}) == key
    assert key not in " ".join([*sidecar["command"], *sidecar["startupProbe"]["exec"]["command"]])


def expanded_by_kubernetes(value, variables):
    """What the kubelet makes of a value: the rule of k8s.io/kubernetes/third_party/forked/golang/expansion."""
    found, index = "", 0
    while index < len(value):
        if value[index] == "$" and index + 1 < len(value):
            if value[index + 1] == "$":
                found, index = found + "$", index + 2
                continue
            end = value.find(")", index)
            if value[index + 1] == "(" and end > 0:
                name = value[index + 2 : end]
                found, index = found + variables.get(name, f"$({name})"), end + 1
                continue
        found, index = found + value[index], index + 1
    return found


@pytest.mark.parametrize("attack", hostile_keys())
def test_the_sidecar_s_shell_takes_a_hostile_key_as_one_word(attack, tmp_path):
    """The startup probe's own words, over a folder in place of the mount."""
    from shoal.engines.kubernetes.mount_sidecar import _PROBE, IMAGES

    name = hostile_keys()[attack]
    image = tmp_path / "images" / name
    image.parent.mkdir(parents=True)
    image.write_bytes(b"x")
    read = re.search(r'head -c 1 "[^"]*"', _PROBE)[0].replace(IMAGES, str(tmp_path / "images"))
    done = subprocess.run(
        ["sh", "-c", read], env={"PATH": "/usr/bin:/bin", "SHOAL_PROBE_KEY": name}, cwd=tmp_path, capture_output=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"x"), done.stderr
    assert not (tmp_path / "hostile").exists()
