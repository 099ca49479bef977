"""Services, asked in this process: what each kind of them answers, and what they do wrong."""

import json
import os
import signal
import threading
import time
from contextlib import nullcontext
from dataclasses import replace

import pytest

from shoal.contract.errors import BrokeOffError, ConfigError, ServiceError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from shoal.contract.service import DEEPAAS, Service
from shoal_worker.__main__ import main
from shoal_worker.assemble import _await_ready
from shoal_worker.loop.stop import StopRequest
from shoal_worker.services import local_process
from shoal_worker.services.asking import RefusedError, file_name
from shoal_worker.services.deepaas import _choose, _read_form
from shoal_worker.services.local_process import LocalProcess
from shoal_worker.services.looking import ServiceDetector
from shoal_worker.services.mapping import AnswerMapping
from shoal_worker.services.picture import NAME
from shoal_worker.services.shared_folder import open_pipe
from shoal_worker.services.shared_folder import opened as opened_folder
from shoal_worker.services.written_service import read_service
from shoal_worker.sight import Original
from shoal_worker.underway import Underway
from waiting import wait_until
from worker.http_faults import faulty_store
from worker.images import dark_jpeg
from worker.services import NAMES, left_of, oscar

INFERENCE = Inference(imgsz=(480, 640), rect=False)
HW = (100, 200)


@pytest.fixture
def opened():
    """Open services, and end them with the test."""
    left = []

    def open_service(service, store=None):
        left.append(ServiceDetector(service, INFERENCE, store))
        return left[-1]

    yield open_service
    for one in left:
        one.end()


@pytest.fixture(autouse=True)
def ended_before_it_is_asked_about(monkeypatch):
    """A busy machine takes longer than a worker has to end."""
    monkeypatch.setattr(local_process, "END_S", 30.0)


def look(detector, key="a.jpg", data=b"an image", timeout_s=60.0):
    """Ask about an image; only what is to take too long is given little time."""
    detector._service = replace(detector._service, timeout_s=timeout_s)
    return detector.detect_frame(Original(key, data), HW, nullcontext)


# Mappings


def boxes(given, hw=HW, **settings):
    asked = {"kind": DEEPAAS, "task": "detect", "names": ("fish", "crab"), "mapping": "@", "command": ("x",)}
    mapping = AnswerMapping(Service(**{**asked, **settings}), INFERENCE)
    return mapping.read(given, "a.jpg", hw)


def box(**other):
    return {"class": "fish", "confidence": 0.5, "xyxy": [10, 20, 30, 60], **other}


@pytest.mark.parametrize(
    ("given", "xyxy"),
    [
        pytest.param(box(), [10, 20, 30, 60], id="corners"),
        pytest.param(
            {"class": 0, "confidence": 0.5, "xywh": [10, 20, 20, 40]}, [10, 20, 30, 60], id="width and height"
        ),
        pytest.param({"class": 0, "confidence": 0.5, "cxcywh": [20, 40, 20, 40]}, [10, 20, 30, 60], id="centre"),
        pytest.param(box(xyxy=[0.05, 0.2, 0.15, 0.6], unit="share"), [10, 20, 30, 60], id="shares"),
        pytest.param(box(xyxy=[-5, 20, 500, 60], xywh=None), [0, 20, 200, 60], id="over the edge"),
        pytest.param(box(unit="px"), [10, 20, 30, 60], id="pixels"),
    ],
)
def test_a_box_is_read_in_each_way_of_writing_it(given, xyxy):
    found = boxes([given]).to_columns()["detections"]
    assert found == [{"class_id": 0, "confidence": 0.5, **dict(zip(("x1", "y1", "x2", "y2"), xyxy, strict=True))}]


@pytest.mark.parametrize(
    ("given", "xyxy"),
    [
        pytest.param(box(xyxy=[10, 20, 9.995, 60]), [[10, 20, 10, 60]], id="sides in the wrong order by rounding"),
        pytest.param(box(**{"class": 0.0}), [[10, 20, 30, 60]], id="class as a float"),
        pytest.param(box(xyxy=[200, 20, 200.5, 60]), [], id="half a pixel beside"),
        pytest.param(box(xyxy=[0, 20, 0, 60]), [], id="nothing, at the edge"),
        pytest.param(box(xyxy=[300, 20, 310, 60], confidence=0.01), [], id="beside, and hardly believed"),
        pytest.param(box(xyxy=[0.2, 0.2, 1.6, 1]), [[0.2, 0.2, 1.6, 1]], id="one speck in the corner"),
    ],
)
def test_small_oddities_cost_no_image(given, xyxy):
    found = boxes([given]).to_columns()["detections"]
    sides = [[one[side] for side in ("x1", "y1", "x2", "y2")] for one in found]
    assert sides == [pytest.approx(one) for one in xyxy]
    assert all(one["class_id"] == 0 for one in found)


def test_boxes_are_kept_best_first_above_the_lowest_confidence_stored():
    found = boxes([box(confidence=0.04), box(confidence=0.3, **{"class": "crab"}), box(confidence=1)]).to_columns()
    assert [(one["class_id"], round(one["confidence"], 3)) for one in found["detections"]] == [(0, 1.0), (1, 0.3)]
    assert found["max_det_reached"] is False
    assert boxes([box()] * 301).to_columns()["max_det_reached"] is True
    assert boxes([]).to_columns() == {"detections": [], "max_det_reached": False}


def test_a_box_that_a_service_rounds_to_the_lowest_confidence_stored_is_kept():
    found = boxes([box(confidence=0.05), box(confidence=0.0499)]).to_columns()["detections"]
    assert [round(one["confidence"], 4) for one in found] == [0.05]
    assert found[0]["confidence"] >= 0.05


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(
            None, "gave nothing (null): write it so that an image with nothing on it gives `[]`", id="nothing"
        ),
        pytest.param({"a": 1}, 'gave {"a": 1}, not a list of boxes', id="an object"),
        pytest.param([3], "gave 3, not an object with class, confidence and xyxy", id="a number"),
        pytest.param(
            [box(**{"class": "whale"})], 'gave class "whale", worker.service.names are fish, crab', id="class"
        ),
        pytest.param([box(**{"class": 2})], "gave class 2, worker.service.names are fish, crab", id="class number"),
        pytest.param([box(**{"class": True})], "gave true as a class, not a name or its place", id="class of truth"),
        pytest.param([box(confidence=87)], "gave confidence 87, it is to be from 0 to 1", id="percent"),
        pytest.param([box(confidence="0.5")], 'gave "0.5" as a confidence, not a number', id="text"),
        pytest.param([box(xyxy=[1, 2, 3])], "gave [1, 2, 3] as xyxy, not four numbers", id="three"),
        pytest.param([box(xyxy=None)], "gave a box with none of xyxy, xywh, cxcywh", id="no place"),
        pytest.param([box(xywh=[1, 2, 3, 4])], "gave a box with xyxy and xywh, one of them is needed", id="two places"),
        pytest.param([box(xyxy=[30, 20, 10, 60])], "whose right or lower side comes first", id="turned"),
        pytest.param([box(unit="percent")], 'gave unit "percent", there are px, share', id="unit"),
        pytest.param(
            [box(score=1)], "gave a box with 'score', its fields are class, confidence, cxcywh, unit", id="field"
        ),
        pytest.param([box(xyxy=[0.1, 0.1, 0.4, 0.5])] * 2, "boxes in parts of the image", id="shares without a word"),
    ],
)
def test_what_a_mapping_gives_else_is_told(given, said):
    with pytest.raises(ConfigError) as told:
        boxes(given)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param([box(confidence=float("nan"))], "its answer has nan as a confidence", id="nan"),
        pytest.param([box(xyxy=[1, 2, 10**400, 4])], "its answer has inf as xyxy", id="infinite"),
        pytest.param([box(xyxy=[300, 20, 310, 60])], r"its box \[300.0, 20.0, 310.0, 60.0\] lies beside the image of 200 x 100 px", id="beside"),
        pytest.param({"image": "/upload/x/b.jpg", "found": []}, 'the answer is of "/upload/x/b.jpg", the image is a.jpg', id="another"),
        pytest.param({"image": None, "found": []}, "the answer is of null, the image is a.jpg", id="of none"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_answer_is_told_of_its_image(given, said):
    with pytest.raises(RefusedError, match=said):
        boxes(given)


def test_an_answer_may_name_its_image_in_whatever_folder_it_lay():
    assert boxes({"image": "/upload/a.jpg", "found": [box()]}).to_columns()["detections"]


def test_a_mapping_that_fails_is_told_with_what_came():
    with pytest.raises(ConfigError, match=r"worker\.service\.mapping fails: .*abs.*the answer was \{\"a\": \"x\"\}"):
        boxes({"a": "x"}, mapping="abs(a)")
    with pytest.raises(ConfigError, match=r"worker\.service\.mapping is no JMESPath"):
        boxes({}, mapping="a[")


def scores(given):
    return boxes(given, task="classify").to_columns()["class_scores"]


def test_scores_are_read_by_name_or_in_their_order():
    assert scores({"crab": 0.25, "fish": 0.75}) == [0.75, 0.25]
    assert scores([0.75, 0.25]) == [0.75, 0.25]
    assert scores({"crab": 1}) == [None, 1.0]
    with pytest.raises(ConfigError, match=r"gave 3 scores, worker\.service\.names are 2"):
        scores([0.1, 0.2, 0.7])
    with pytest.raises(ConfigError, match='gave class "whale"'):
        scores({"whale": 1})


@pytest.mark.parametrize(
    ("key", "name"),
    [
        pytest.param("2026/a b/IMG 01.JPG", "IMG_01.JPG", id="space"),
        pytest.param("$(rm -rf /);'\".jpg", "_.jpg", id="shell"),
        pytest.param("--help", "help", id="option"),
        pytest.param("día/été.jpeg", "_t_.jpeg", id="letters"),
        pytest.param("a/..", "_", id="parent"),
        pytest.param(".hidden", "image.hidden", id="hidden"),
        pytest.param("x" * 1000 + ".jpg", "x" * 80 + ".jpg", id="long"),
        pytest.param('a"\r\nX: y.jpg', "a_X_y.jpg", id="header"),
    ],
)
def test_a_file_is_named_so_that_nothing_takes_it_for_anything_else(key, name):
    assert file_name(key) == name


# DEEPaaS's words


MODELS = {"models": [{"name": "A reef", "links": [{"rel": "self", "href": "/v2/models/reef"}]}]}


def test_the_only_model_is_asked_and_of_several_the_one_that_is_named():
    two = {"models": [*MODELS["models"], {"links": [{"href": "/v2/models/coast/"}]}]}
    assert _choose(MODELS, None) == "reef"
    assert _choose(two, "coast") == "coast"
    with pytest.raises(ConfigError, match=r"has models reef, coast - write which one as worker\.service\.model"):
        _choose(two, None)
    with pytest.raises(ConfigError, match="has no model 'sea', it has reef"):
        _choose(MODELS, "sea")
    with pytest.raises(ConfigError, match="DEEPaaS would answer with its test model"):
        _choose({"models": [{"links": [{"href": "/v2/models/deepaas-test"}]}]}, None)
    with pytest.raises(ConfigError, match="has models none"):
        _choose({}, None)


def openapi(*parameters):
    return {"paths": {"/v2/models/reef/predict/": {"post": {"parameters": list(parameters)}}}}


FILE, QUERY = {"name": "image", "type": "file", "in": "formData"}, {"name": "conf", "type": "number", "in": "query"}


def form(known, **settings):
    service = Service(DEEPAAS, "detect", NAMES, "@", command=("x",), **settings)
    return _read_form(known, "/v2/models/reef/predict/", "/p/", service)


def test_the_form_is_what_the_openapi_says():
    asked = form(openapi(FILE, QUERY, {"name": "fast", "in": "formData"}), params={"conf": 0.5, "fast": True})
    assert (asked.path, asked.file, asked.fields) == ("/p/?conf=0.5", "image", {"fast": "true"})
    with pytest.raises(ConfigError, match=r"no parameter 'cnof', it has conf - mend worker\.service\.params"):
        form(openapi(FILE, QUERY), params={"cnof": 1})
    with pytest.raises(ConfigError, match="takes no file as 'its only one', there are image, mask"):
        form(openapi(FILE, {**FILE, "name": "mask"}))
    with pytest.raises(ConfigError, match="takes no file as 'picture', there are image"):
        form(openapi(FILE), field="picture")
    with pytest.raises(ConfigError, match="takes no file as 'its only one', there are none"):
        form(None)
    assert form(None, field="image", params={"a": 1}).fields == {"a": "1"}


# A program at the port of the pod's service that answers as none should.


def send(handler, body, status=200, length=None, kind="application/json"):
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def hang_up(handler):
    handler.close_connection = True


def dribble(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


ODD = {
    "html": lambda handler: send(handler, b"<!DOCTYPE html><title>Sign in</title>", kind="text/html"),
    "bad-gateway": lambda handler: send(handler, b"<h1>502</h1>", 502),
    "moved": lambda handler: send(handler, b"", 302),
    "other": lambda handler: send(handler, b'{"photo": "b.jpg", "scores": [1, 0]}'),
    "deep": lambda handler: send(handler, b"[" * 100_000),
    "huge": lambda handler: send(handler, bytes(17 << 20), length=10**10),
    "cut": lambda handler: (send(handler, b'{"photo": ', length=500), hang_up(handler)),
    "gone": hang_up,
    "percent": lambda handler: send(handler, b'{"photo": "percent.jpg", "scores": [87, 1]}'),
    "slow": dribble,
    "silent": lambda _: time.sleep(4),
}


def answer_oddly(handler, _number):
    if handler.path == "/v2/models/":
        return send(handler, json.dumps(MODELS).encode())
    if handler.path == "/swagger.json":
        return send(handler, json.dumps(openapi(FILE)).encode())
    name = handler.body.partition(b'filename="')[2].partition(b'"')[0].decode()
    if odd := ODD.get(name.removesuffix(".jpg")):
        return odd(handler)
    return send(handler, json.dumps({"photo": name, "scores": [0.25, 0.75], "bytes": len(handler.body)}).encode())


@pytest.fixture
def beside(opened):
    """A service of the pod, which the worker did not start."""
    with faulty_store(answer_oddly) as (url, _):
        port = int(url.rpartition(":")[2])
        settings = {"mapping": "{image: photo, found: scores}", "image": "reef@sha256:" + "0" * 64, "port": port}
        detector = opened(Service(DEEPAAS, "classify", NAMES, timeout_s=60.0, start_timeout_s=60.0, **settings))
        detector.await_ready()
        yield detector


@pytest.mark.parametrize(
    ("odd", "kind", "said"),
    [
        pytest.param(
            "html", RefusedError, "its answer is no JSON .*: <!DOCTYPE html><title>Sign in</title>", id="html"
        ),
        pytest.param("bad-gateway", ServiceError, "cannot answer now, HTTP 502: <h1>502</h1> - see its log", id="502"),
        pytest.param("percent", RefusedError, "gave confidence 87, it is to be from 0 to 1", id="odd numbers"),
        pytest.param("moved", RefusedError, "HTTP 302: nothing", id="redirect"),
        pytest.param("other", RefusedError, 'the answer is of "b.jpg", the image is other.jpg', id="another image"),
        pytest.param("deep", RefusedError, "its answer is JSON of too many levels|no JSON", id="levels"),
        pytest.param("huge", RefusedError, "its answer has more than 16 MiB", id="gigabytes"),
        pytest.param("cut", BrokeOffError, "The service broke off its answer", id="cut"),
        pytest.param("gone", BrokeOffError, "The service broke off its answer", id="hangs up"),
        pytest.param("slow", BrokeOffError, "The service gave no answer within 1 s", id="byte by byte"),
        pytest.param("silent", BrokeOffError, "The service gave no answer within 1 s", id="silent"),
    ],
)
def test_an_odd_answer_is_told_and_the_next_image_is_not_its_victim(beside, odd, kind, said):
    began = time.monotonic()
    with pytest.raises(kind, match=said):
        look(beside, f"{odd}.jpg", timeout_s=1.0 if odd in {"slow", "silent"} else 60.0)
    assert time.monotonic() - began < 30
    assert look(beside, "good.jpg").to_columns() == {"class_scores": [0.25, 0.75]}


class NeverReady:
    start_limit_s = 0.05

    def __init__(self):
        self.over = threading.Event()

    def await_ready(self):
        self.over.wait()


def test_a_start_without_an_end_ends(tmp_path):
    said, service = (
        r"The service did not begin to answer within 0\.05 s - .*worker\.service\.start_timeout",
        NeverReady(),
    )
    with pytest.raises(ServiceError, match=said):
        _await_ready(service, StopRequest())
    service.over.set()
    underway = Underway()
    with underway.waiting(0.01):
        time.sleep(0.02)
        assert underway.overdue()[1] == "0.01 s"


def test_a_service_of_the_pod_that_does_not_come_up_is_told(opened):
    nowhere = Service(DEEPAAS, "classify", NAMES, "@", image="reef@sha256:" + "0" * 64, port=9, start_timeout_s=0.5)
    with pytest.raises(
        ServiceError, match=r"does not answer at 127\.0\.0\.1:9/v2/models/ within 0\.5 s: .* - see the log of the pod"
    ):
        opened(nowhere).await_ready()


# Scripts


SUFFERS = """
case $INPUT_FILE_PATH in
*crash*) kill -SEGV $$;;
*hang*) setsid sleep 600;;
*exit255*) exit 255;;
*loop*) kill -9 $PPID; sleep 600;;
*ruin*) rm ../../script; exit 1;;
esac
echo '{"photo": "'$(basename "$INPUT_FILE_PATH")'", "scores": {"dark": 0.5}}'
"""


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param("crash.jpg", r"The script was killed by SIGSEGV \(it printed nothing\)", id="crash"),
        pytest.param("hang.jpg", "The script took more than 1 s", id="hang"),
        pytest.param("loop.jpg", "The loop that runs the script was killed by SIGKILL", id="loop"),
        pytest.param("ruin.jpg", "The service refused an image, and then answered for none", id="ruin"),
    ],
)
def test_an_image_that_ends_a_script_is_told_from_one_that_it_refuses(opened, tmp_path, monkeypatch, key, said):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    detector = opened(oscar(SUFFERS))
    detector.await_ready()
    with pytest.raises(BrokeOffError, match=said):
        look(detector, key, timeout_s=1.0 if key == "hang.jpg" else 60.0)
    detector.end()
    assert left_of(str(tmp_path)) == []
    detector.await_ready()
    assert look(detector).to_columns() == {"class_scores": [0.5, None]}


def test_a_script_that_ends_with_255_was_not_killed(opened):
    detector = opened(oscar(SUFFERS))
    detector.await_ready()
    with pytest.raises(RefusedError, match="the script ended with exit status 255: it printed nothing"):
        look(detector, "exit255.jpg")


def test_an_image_that_is_refused_once_is_asked_about_again(opened, tmp_path):
    once = f"case $INPUT_FILE_PATH in *once*) mkdir {tmp_path}/seen && exit 3;; esac\n{SUFFERS}"
    detector = opened(oscar(once))
    detector.await_ready()
    assert look(detector, "once.jpg").to_columns() == {"class_scores": [0.5, None]}


def test_a_link_in_place_of_a_pipe_is_not_written_through(tmp_path):
    (tmp_path / "secret").write_text("kept")
    (tmp_path / "requests").symlink_to("secret")
    with opened_folder(tmp_path) as folder:
        with pytest.raises(OSError, match="symbolic links"):
            open_pipe("requests", os.O_WRONLY, folder)
        with pytest.raises(OSError, match="it is no named pipe"):
            open_pipe("secret", os.O_WRONLY, folder)
    assert (tmp_path / "secret").read_text() == "kept"


def test_a_service_that_ends_between_two_images_is_started_again(opened, tmp_path):
    later = f"case $INPUT_FILE_PATH in *idle*) (until test -e {tmp_path}/now; do sleep 0.1; done; kill -9 $PPID) >/dev/null 2>&1 & ;; esac"
    detector = opened(oscar(f"{later}\n{SUFFERS}"))
    detector.await_ready()
    look(detector, "idle.jpg")
    (tmp_path / "now").touch()
    wait_until(lambda: not detector._asked.is_up(), what="the loop end")
    detector.await_ready()
    assert look(detector).to_columns() == {"class_scores": [0.5, None]}


def test_what_is_not_ended_in_time_is_ended_all_the_same(monkeypatch, tmp_path):
    """Its keeper gets no processor meanwhile; killed, it would leave what has a session of its own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(local_process, "END_S", 0.1)
    service = LocalProcess(["sh", "-c", "setsid sleep 600 & wait"])
    wait_until(
        lambda: any("sleep 600" in line and "sh" not in line for line in left_of(str(tmp_path))),
        what="the service begin",
    )
    service._process.send_signal(signal.SIGSTOP)
    service.end()
    service._process.send_signal(signal.SIGCONT)
    wait_until(lambda: not left_of(str(tmp_path)), what=lambda: f"all of {left_of(str(tmp_path))} end")


def test_files_are_stored_under_plain_names(opened):
    stored = {}

    def store(key, name, data):
        stored[key, name] = data
        return name

    script = "mkdir 'a b'; echo 1 > 'a b/ü c.txt'; echo 2 > .x; echo '{\"photo\": \"'$(basename $INPUT_FILE_PATH)'\", \"scores\": {}}'"
    detector = opened(oscar(script), store)
    detector.await_ready()
    assert look(detector, "k/a.jpg").to_columns() == {"class_scores": [None, None], "files": ["a_b_c.txt", "x"]}
    assert stored == {("k/a.jpg", "a_b_c.txt"): b"1\n", ("k/a.jpg", "x"): b"2\n"}


@pytest.mark.parametrize(
    ("service", "kind", "said"),
    [
        pytest.param(oscar(mapping="score"), ConfigError, r"gave nothing \(null\)", id="mapping"),
        pytest.param(oscar("exit 7"), ServiceError,
                     "does not look at an image of Shoal's own: the script ended with exit status 7: it printed nothing", id="refuses all"),
        pytest.param(oscar("sleep 600", start_timeout_s=5.0), ServiceError,
                     "The script took more than .* and was shown an image of Shoal's own", id="never done"),
        pytest.param(oscar(command=("no-such-program",)), ServiceError,
                     "exit status 127 .'no-such-program' cannot be started", id="no program"),
        pytest.param(replace(oscar(), kind=DEEPAAS, script=None, command=("false", "{port}")), ServiceError,
                     "The service ended with exit status 1 before it answered - try its command by hand", id="ends at once"),
    ],
)  # fmt: skip
def test_a_service_that_is_ill_blames_no_image(opened, service, kind, said):
    with pytest.raises(kind, match=said) as told:
        opened(service).await_ready()
    assert not isinstance(told.value, BrokeOffError)


def test_a_service_gets_none_of_the_credentials(opened, monkeypatch):
    monkeypatch.setenv("SHOAL_RESULTS_SECRET_KEY", "s")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", "x"))
    names = "env | cut -d= -f1 | grep -e SHOAL -e AWS -e PYTHONPATH && exit 9; "
    opened(oscar(f'{names}echo \'{{"photo": "{NAME}", "scores": {{}}}}\'')).await_ready()


# Trying a mapping on one photo


def test_a_service_is_read_as_a_dataset_file_has_it(tmp_path):
    file = tmp_path / "reef.yaml"
    group = "kind: deepaas\ntask: detect\nnames: [fish]\nmapping: '@'\ncommand: [reef, '{port}']\ntimeout: 2m\ncpu: 2\nparams: {conf: 0.1}\n"
    file.write_text("dataset: reef\nworker:\n  service:\n    " + group.replace("\n", "\n    "))
    expected = Service(
        DEEPAAS, "detect", ("fish",), "@", command=("reef", "{port}"), timeout_s=120.0, params={"conf": 0.1}
    )
    assert read_service(file) == expected
    file.write_text(group)
    assert read_service(file) == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("a: b", "a service has no 'a', it has command, field, image, kind, mapping, model, names", id="field"),
        pytest.param("[1]", "holds no service - write what stands below worker.service", id="list"),
        pytest.param("kind: deepaas", "the service has no 'task' - write it", id="no task"),
        pytest.param("{kind: x, task: detect, names: [a], mapping: a}", "a service's kind is 'x', there are deepaas, oscar", id="kind"),
        pytest.param("{kind: deepaas, task: detect, names: [1], mapping: a}", r"names is \(1,\), not tuple", id="name"),
        pytest.param("{kind: deepaas, timeout: soon}", "Invalid duration 'soon'", id="duration"),
        pytest.param(None, "cannot be read: No such file or directory - check the path", id="no file"),
    ],
)  # fmt: skip
def test_a_file_of_no_service_is_told_in_a_line(tmp_path, written, said):
    file = tmp_path / "service.yaml"
    if written is not None:
        file.write_text(written)
    with pytest.raises(ConfigError, match=said):
        read_service(file)


def test_predict_shows_what_a_service_says_of_photos_and_goes_on_behind_one_that_ends_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "service.json").write_text(json.dumps({"kind": "oscar", "task": "classify", "names": NAMES, "script": SUFFERS,
                                                      "mapping": "{image: photo, found: scores}", "timeout": "20s"}))  # fmt: skip
    for name in ("a.jpg", "crash.jpg", "z.jpg"):
        (tmp_path / name).write_bytes(dark_jpeg())
    (tmp_path / "text.jpg").write_bytes(b"no image")
    assert main(["predict", "--service", "service.json", "a.jpg", "crash.jpg", "text.jpg", "z.jpg"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["image"], one["status"], one["reason"], one["class_scores"]) for one in told] == [
        ("a.jpg", "processed", None, [0.5, None]),
        ("crash.jpg", "failed", "killed_worker", None),
        ("text.jpg", "failed", "not_image", None),
        ("z.jpg", "processed", None, [0.5, None]),
    ]
    assert told[1]["detail"] == "The script was killed by SIGSEGV (it printed nothing)"


def test_predict_says_what_a_mapping_gave(tmp_path, capsys):
    file, photo = tmp_path / "service.json", tmp_path / "a.jpg"
    file.write_text(
        json.dumps({"kind": "oscar", "task": "detect", "names": NAMES, "script": SUFFERS, "mapping": "scores"})
    )
    photo.write_bytes(dark_jpeg())
    assert main(["predict", "--service", str(file), str(photo)]) == WorkerExit.CONFIG
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(
            'worker.service.mapping gave {"dark": 0.5}, not a list of boxes - the answer was {"photo": "shoal-rehearsal.jpg"'
        )
    )
