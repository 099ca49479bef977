"""Names with control characters, through every step and command: none of them reaches a terminal, a log line or a mail.

MinIO holds such keys as they are. They forge lines, colour what follows, clear the screen, or turn a name around.
"""

import json
import subprocess
import sys

import onnx
import pytest

from pipeline import make_pipeline, run_worker
from shoal.__main__ import main
from shoal.airflow.alerts import Message, tell
from shoal.settings.alerts import Alerts
from shoal.settings.dataset_files import DATASETS_VARIABLE
from smtp_server import running_mailbox

NAMES = [
    "a\x1b[2J\x1b[31mred\x07",
    "b\nok   model    forged\r\nFIX  forged",
    "c\x9b2J\x85forged",
    "d\u202egpj.exe\u2066\u2069\u200f",
    "e\x7f\u2028forged\u2029\x08\x0b\x0c",
    "gone\x1b]0;title\x07",
]
CLASS = "Coris\x1b[2J\njulis\u202e\x9b"
HIDDEN = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"} - set("\n\t")  # fmt: skip


def need_plain(text):
    """Every line is one of ours, and nothing in it hides or is an order; a log of ours begins no line with a name."""
    found = {character for character in text if character in HIDDEN}
    assert not found, (found, [line for line in text.splitlines() if found & set(line)])
    assert not [line for line in text.split("\n") if line.startswith(("ok   model    forged", "FIX  forged", "forged"))]


@pytest.fixture(scope="module")
def keys():
    return [f"20260601-12000{number}-{name}-CAM1.jpg" for number, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def hostile(minio, demo_models, scenes, keys, tmp_path_factory):
    """A whole run whose keys, cameras and classes are hostile: with it come its worker's words and its summary."""
    model = onnx.load_from_string(demo_models["v1"])
    [names] = [entry for entry in model.metadata_props if entry.key == "names"]
    names.value = str({0: "Diplodus vulgaris", 1: "Chromis chromis", 2: CLASS})
    folder = tmp_path_factory.mktemp("hostile")
    pipeline = make_pipeline(
        minio, {"v1": model.SerializeToString()}, folder,
        clock={"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>(?s:.*))-CAM1"}, report={"bins": ["day"]},
        run={"expect_new_within": "1h", "approval_cpu_hours": None},
    )  # fmt: skip
    for key, scene in zip(keys, scenes[10:], strict=False):
        pipeline.put(key, scene.jpeg if "red" in key or "gpj" in key else b"no image \x1b[31m")
    plan = pipeline.plan()
    pipeline.stores.source.delete([keys[-1]])
    worker = run_worker(pipeline.stores, plan, 0)
    assert worker.returncode == 0, worker.stdout
    return pipeline, plan, worker.stdout, pipeline.summarize(plan), folder


@pytest.fixture
def command(hostile, minio, monkeypatch, capfd):
    """Runs a command of `python -m shoal` over that dataset; returns its status and all that it printed."""
    connection = {"conn_type": "generic", "login": minio.access_key, "password": minio.secret_key}
    monkeypatch.setenv("AIRFLOW_CONN_TEST", json.dumps({**connection, "extra": {"endpoint_url": minio.endpoint_url}}))
    monkeypatch.setenv(DATASETS_VARIABLE, str(hostile[4]))
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")

    def run(*words):
        capfd.readouterr()
        status = main(list(words))
        said = capfd.readouterr()
        return status, said.out, said.err

    return run


def test_the_keys_are_as_they_were_put(hostile, keys):
    assert sorted(hostile[0].stores.source.list_keys("")) == sorted(keys[:-1])


def test_what_a_plan_says_hides_nothing(hostile):
    for line in hostile[1].describe():
        need_plain(line)
        assert "\n" not in line


def test_a_worker_s_log_hides_nothing(hostile):
    need_plain(hostile[2])


def test_numbers_keep_the_names_as_they_are(hostile):
    result = hostile[3].summary["result"]
    assert CLASS in {entry["taxon"] for entry in result["species"]}
    assert NAMES[0] in {entry["camera"] for entry in result["series"]}


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--no-worker"), ("clock",), ("clock", "--propose"), ("current",), ("gc", "--dry-run"), ("why", "RUN"), ("verify", "RUN"),
        ("check", "--no-worker", "--json"), ("why", "RUN", "--json"), ("current", "--json"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_hides_nothing(hostile, command, words):
    pipeline, plan, *_ = hostile
    run = f"{pipeline.dataset.name}/{plan.run_key}"
    name, *options = words
    given = [run if word == "RUN" else word for word in options]
    status, out, err = command(name, *given, *([] if "RUN" in words else [pipeline.dataset.name]))
    assert status in {0, 1}, err
    assert out
    need_plain(out)
    need_plain(err)
    if "--json" in words:
        json.loads(out)


def test_an_error_hides_nothing(hostile, command):
    status, _, err = command("verify", f"{hostile[0].dataset.name}/20260601T000000Z-\x1b[2Jxxxx\u202e")
    assert status == 2
    need_plain(err)


def test_a_mail_hides_nothing_and_has_one_subject(hostile, keys, monkeypatch):
    with running_mailbox() as mailbox:
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": mailbox.port}
        connection["extra"] = {"disable_ssl": True, "disable_tls": True, "from_email": "shoal@example.org"}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        dataset = hostile[0].dataset.model_copy(update={"alerts": Alerts(email=("a@example.org",))})
        alert = "; ".join(["no image of camera", *keys, "\nBcc: b@example.org"])
        tell(dataset, Message("silent", alert), "reanalyse_reef", "run 1")
        message = mailbox.wait_for(lambda subject: "no image" in subject, within_s=30)
    need_plain(str(message["Subject"]))
    assert message["Bcc"] is None
    for part in message.walk():
        if part.get_content_maintype() == "text":
            need_plain(part.get_content().replace("\r\n", "\n"))


def test_an_image_of_such_a_name_is_predicted_in_plain_json(tmp_path, demo_models):
    (tmp_path / "m.onnx").write_bytes(demo_models["v1"])
    image = tmp_path / "a\x1b[2J\u202e\x9b.jpg"
    image.write_bytes(b"no image")
    words = [
        sys.executable,
        "-m",
        "shoal_worker",
        "predict",
        "--model",
        str(tmp_path / "m.onnx"),
        str(image),
        f"{image}.gone\n",
    ]
    ran = subprocess.run(words, capture_output=True, check=False)
    need_plain(ran.stdout.decode())
    need_plain(ran.stderr.decode())
    first = json.loads(ran.stdout.splitlines()[0])
    assert first["image"] == str(image)


def test_a_report_hides_nothing(hostile):
    pipeline, _, _, done, _ = hostile
    page = pipeline.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    assert not HIDDEN & set(page)
