"""One image now: the server's answers are the worker's own, and no client and no image ends it."""

import io
import json
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

import pytest
import yaml
from PIL import Image

from shoal.contract.exit_codes import WorkerExit
from shoal.embedded.samples.scenes import demo_scenes
from waiting import wait_until
from worker.colour_classifier import PAINTED, colour_classifier
from worker.images import dark_jpeg, encoded, one_bit_png, photo, white_jpeg
from worker.onnx_models import constant_model, crash_on_white, hungry_on_white, slow_on_white
from worker.processes import worker_env
from worker.serving import resident_mib, rest_of, serve_command, serving

ROOT = Path(__file__).parents[3]
CODES = {"processed": 200, "too_large": 413}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def server(folder):
    """Serves a model that white images crash; patient with nobody, two images at once."""
    model = folder / "crash" / "model.onnx"
    model.parent.mkdir()
    model.write_bytes(crash_on_white())
    with serving(
        model, "--pixel-limit", "1000000", "--size-limit", "2", "--waiting", "1", "--read-within", "10"
    ) as found:
        yield found


def predicted(folder, model, names):
    """What `predict` prints, line by line."""
    command = [sys.executable, "-m", "shoal_worker", "predict", "--model", str(model), *names]
    done = subprocess.run(command, cwd=folder, env=worker_env(), capture_output=True, timeout=120, check=True)
    return done.stdout.splitlines(keepends=True)


@pytest.mark.parametrize("task", ["detect", "classify"])
def test_an_answer_is_what_predict_prints_byte_for_byte(tmp_path, demo_models, bad, task):
    images = {
        **{f"{number}.jpg": scene.jpeg for number, scene in enumerate(islice(demo_scenes(), 5, 7))},
        **{Path(file.key).name: file.data for file in bad},
        "a b%c#ü.png": b"no image",
    }
    for name, data in images.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "model.onnx").write_bytes(demo_models["v1"] if task == "detect" else colour_classifier(PAINTED))
    with serving(tmp_path / "model.onnx") as server:
        answers = {name: server.predict(data, name) for name, data in images.items()}
        model = server.ask("GET", "/v1/model").json()
        drawn = server.ask("POST", "/v1/predict?draw=1", images["0.jpg"])
    lines = predicted(tmp_path, "model.onnx", images)
    assert [answer.body for answer in answers.values()] == lines
    for line, answer in zip(map(json.loads, lines), answers.values(), strict=True):
        assert answer.code == CODES.get(line["reason"] or line["status"], 422)
    assert {answer.code for answer in answers.values()} >= {200, 422}
    assert (model["task"], model["model"]["file"]) == (task, "model.onnx")
    with Image.open(io.BytesIO(drawn.body)) as picture:
        assert (drawn.headers["content-type"], picture.format) == ("image/jpeg", "JPEG")


def test_a_form_is_as_good_as_a_body_and_a_picture_shows_the_box(server):
    jpeg, form = encoded(photo(1000, 500)), {"Content_Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="reef.jpg"\r\n\r\n' + jpeg + b"\r\n"
    assert server.ask("POST", "/v1/predict", part + b"--x--\r\n", **form) == server.predict(jpeg, "reef.jpg")
    picture = server.predict(jpeg, Accept="image/jpeg")
    with Image.open(io.BytesIO(picture.body)) as drawn:
        assert drawn.size == (1000, 500)
        left, top, right, bottom = map(round, server.predict(jpeg).json()["detections"][0]["xyxy"])
        edge = [drawn.getpixel((x, (top + bottom) // 2))[2] for x in (left, right)]
        assert min(edge) > drawn.getpixel((50, 50))[2] + 40, "the blue of the first class"
    for body, words in (
        (part, "is cut"),
        (part * 2 + b"--x--\r\n", "2 files"),
        (b"--x--\r\n", "0 files"),
        (b"no form", "cannot be read"),
        (b"--x\r\n\r\n\r\n" * 20_000 + b"--x--\r\n", "more than 20 parts"),
    ):
        refused = server.ask("POST", "/v1/predict", body, **form)
        assert refused.code == 400
        assert words in refused.json()["error"], refused.json()


def test_what_is_too_large_is_refused_in_the_words_of_a_run(server):
    pixels = server.predict(one_bit_png(1100, 1000), "wide.png")
    assert pixels.code == 413
    assert pixels.json()["detail"] == "1100000 pixels, the limit is 1000000 (model.pixel_limit)"
    with server.begin(2 * 1024**3) as client:
        declared = rest_of(client)
    assert (declared.code, declared.json()["status"], declared.json()["reason"]) == (413, "failed", "too_large")
    assert declared.json()["detail"] == "2147483648 bytes, the limit is 2097152 (--size-limit)"
    unsaid = server.ask("POST", "/v1/predict", iter([bytes(1024**2)] * 3), Transfer_Encoding="chunked")
    assert unsaid.code == 413
    assert re.fullmatch(r"at least \d{7} bytes, the limit is 2097152 \(--size-limit\)", unsaid.json()["detail"])
    assert server.ask("GET", "/health/ready").code == 200


def test_whoever_comes_while_all_places_are_taken_is_told_when_to_come_back(server):
    jpeg = dark_jpeg()
    slow = [server.begin(len(jpeg), sent=jpeg[:10]) for _ in range(2)]
    time.sleep(0.2)
    refused = server.predict(jpeg)
    assert refused.code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["error"].startswith("2 images are being sent or wait - send it again in ")
    for client in slow:
        client.sendall(jpeg[10:])
    assert [rest_of(client).code for client in slow] == [200, 200]
    assert server.predict(jpeg).code == 200


def test_a_client_that_sends_slowly_loses_its_place_and_then_its_connection(server):
    began, half = time.monotonic(), server.begin(1000, sent=b"\xff\xd8")
    # What it sent has been read once a later one is answered: of many that come at once it would wait longest for its head.
    assert server.ask("GET", "/health/live").code == 200
    with server.connect() as headless, ExitStack() as idle:
        headless.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nX: ")
        for _ in range(250):
            idle.enter_context(server.connect())
        assert server.ask("GET", "/health/live").code == 200, "more connections than there may be"
        late = rest_of(half)
        assert (late.code, late.json()["error"]) == (
            408,
            "The image did not come within 10 s - send it faster, or a smaller one",
        )
        headless.settimeout(60)
        with suppress(ConnectionResetError):
            assert headless.recv(1) == b"", "cut without an answer"
    assert 9.9 < time.monotonic() - began < 30


def test_an_image_that_ends_the_process_is_told_from_the_others_and_the_server_goes_on(server):
    poison = server.predict(white_jpeg(), "white.jpg")
    assert poison.code == 422
    assert (poison.json()["reason"], poison.json()["detail"]) == ("killed_worker", "killed by SIGFPE")
    assert server.predict(dark_jpeg()).code == 200
    assert server.predict(white_jpeg(), "again.jpg").body == poison.body.replace(b"white.jpg", b"again.jpg")
    assert server.process.poll() is None
    server.await_ready()


def test_another_model_in_place_of_the_first_answers_nothing(tmp_path):
    (tmp_path / "model.onnx").write_bytes(crash_on_white())
    with serving(tmp_path / "model.onnx") as server:
        (tmp_path / "model.onnx").write_bytes(constant_model())
        assert server.predict(white_jpeg()).code == 503
        deadline = time.monotonic() + 60
        while (live := server.ask("GET", "/health/live")).code == 200 and time.monotonic() < deadline:
            assert server.ask("GET", "/health/ready").code == 503
            time.sleep(0.2)
        assert live.code == 503
        assert server.predict(dark_jpeg()).code == 503
    assert "Model file is another one than when the server was started" in (tmp_path / "serve.log").read_text()


def test_an_image_without_room_is_no_bad_image(tmp_path):
    (tmp_path / "model.onnx").write_bytes(hungry_on_white(gigabytes=4))
    with serving(tmp_path / "model.onnx", memory_bytes=2 << 30) as server:
        answer = server.predict(white_jpeg())
        assert (answer.code, answer.json()["error"][:18]) == (503, "No room for this i")
        assert server.predict(dark_jpeg()).code == 200


def test_an_image_that_takes_too_long_is_given_up_and_sigterm_answers_what_has_come(tmp_path):
    (tmp_path / "model.onnx").write_bytes(slow_on_white())
    with serving(tmp_path / "model.onnx", "--deadline", "5") as server:
        slow, dark = white_jpeg(), dark_jpeg()
        first = server.begin(len(slow), sent=slow)
        time.sleep(0.2)
        second = server.begin(len(dark), sent=dark)
        before = resident_mib(server.process.pid)
        hung_up = [server.begin(40 << 20, sent=bytes(40 << 20)) for _ in range(5)]
        time.sleep(0.3)
        for client in hung_up:
            client.close()
        wait_until(lambda: resident_mib(server.process.pid) < before + 100, what="200 MiB go that nobody waits for")
        assert select.select([first], [], [], 0)[0] == [], "before anybody is given up"
        assert (rest_of(first).code, rest_of(second).code) == (504, 503)
        server.await_ready()
        under_way = server.begin(len(dark), sent=dark[:-10])
        assert server.ask("GET", "/health/live").code == 200, (
            "who comes later is answered: it was let in before the signal"
        )
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server), what="nobody be let in any more")
        under_way.sendall(dark[-10:])
        assert rest_of(under_way).code == 200
        assert server.process.wait(30) == 0


def refuses(server):
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_model_or_a_port_that_cannot_be_had_is_one_line_and_exit_78(server, tmp_path):
    (tmp_path / "text.onnx").write_bytes(b"no model")
    (tmp_path / "model.onnx").write_bytes(constant_model())
    for model, options, words in (
        ("text.onnx", (), "is not ONNX - export it with"),
        ("model.onnx", ("--port", str(server.port)), f"port {server.port}: Address already in use - take another"),
    ):
        command = serve_command(tmp_path / model, *options)
        done = subprocess.run(command, env=worker_env(), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == WorkerExit.CONFIG
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_deployment_fetches_a_model_and_serves_it(running_store, tmp_path):
    """What deploy/serve.yaml says, without a cluster: its commands, its variables, its probes."""
    deployment = next(yaml.safe_load_all((ROOT / "deploy/serve.yaml").read_text(encoding="utf-8")))
    spec = deployment["spec"]["template"]["spec"]
    fetch, serve = spec["initContainers"][0], spec["containers"][0]
    access, (program, copy, source, place, *options) = running_store.access, fetch["command"]
    secret = {"endpoint": access.endpoint_url, "access-key": access.access_key, "secret-key": access.secret_key}
    env = {one["name"]: one.get("value") or secret[one["valueFrom"]["secretKeyRef"]["key"]] for one in fetch["env"]}
    bucket, _, version = source.removeprefix("models:").partition("/")
    running_store.make_bucket(bucket)
    running_store.put(bucket, f"{version}/model.onnx", constant_model())
    command = [str(Path(sys.executable).with_name(program)), copy, source, str(tmp_path), *options]
    subprocess.run(command, env=env, check=True, timeout=60)
    assert serve["args"][:2] == ["--model", f"{place}/model.onnx"]
    assert (tmp_path / "model.onnx").read_bytes() == constant_model()
    with serving(tmp_path / "model.onnx", *serve["args"][2:4]) as server:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert server.ask("GET", serve[probe]["httpGet"]["path"]).code == 200
