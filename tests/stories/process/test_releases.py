"""Which release a run uses, whether a person is asked first, and what a dataset with a fixed version is told."""

import hashlib
import re
from contextlib import suppress
from datetime import UTC, datetime

import onnx
import pytest

from reached_through import reached_through
from shoal.contract.errors import ConfigError, ModelRefusedError
from shoal.contract.job import ShardJob
from shoal.contract.layout import VariantLayout
from shoal.models.approval import Answer, Asks, Decision, write_answer
from shoal.models.choice import Shelf
from shoal.plan.release_notice import notice_release, read_notice, release_command
from shoal.results.answer import move_current
from shoal.results.stored_plan import StoredPlan
from worker.hostile_models import elsewhere
from worker.http_faults import of, passed_on
from worker.onnx_models import apart, constant_model, grid_model

V1, V2, V3 = "v1", "v2", "v3"


@pytest.fixture
def reef(few_images):
    """Twelve images, of which the dataset's answer is of v1; v2 is there and was never run; everything is asked for."""
    plan = few_images.plan()
    results, stored = few_images.stores.results, StoredPlan.parse(plan.to_json())
    assert (
        move_current(results, few_images.stores.layout, stored, complete=True, result_sha256="0" * 64).not_because
        is None
    )
    return few_images.with_settings(model={"name": "demo-fish", "version": "latest"}, run={"approval_cpu_hours": 0})


def layout_of(reef, version) -> VariantLayout:
    plan = reef.plan(model_version=version, plan_only=True)
    return reef.stores.layout.variant(plan.variant.directory)


def answer(reef, version, *, yes, at="2026-11-01T10:00:00Z"):
    plan = reef.plan(model_version=version, plan_only=True)
    stored = StoredPlan.parse(plan.to_json())
    write_answer(reef.stores.results, layout_of(reef, version), stored, Answer(yes=yes, by="ana", at=at))


def break_model(reef, version):
    reef.stores.models.write_bytes(f"demo-fish/{version}/model.onnx", b"half of a model")


def chosen(plan):
    return plan.variant.release.version, plan.approval.decision


def test_a_night_uses_the_version_in_use_while_a_newer_one_waits(reef):
    plan = reef.plan(asks=Asks.NEVER)
    assert chosen(plan) == (V1, Decision.NOT_NEEDED)
    [passed] = plan.passed_over
    assert (passed.version, passed.reason) == (
        V2,
        "waits for approval: 12 images, 0.00333 CPU hours at 1 s per image (assumed)",
    )
    assert plan.may_become_current


@pytest.mark.parametrize("asks", [Asks.ONCE, Asks.AGAIN])
def test_a_release_s_run_and_a_person_s_ask_for_the_newest(reef, asks):
    plan = reef.plan(asks=asks)
    assert chosen(plan) == (V2, Decision.ASK)
    assert plan.may_become_current
    assert plan.work.images == 12, "the shards are ready for a yes"


@pytest.mark.parametrize("asks", list(Asks))
def test_after_a_yes_latest_is_the_newest_for_everybody(reef, asks):
    answer(reef, V2, yes=True)
    assert chosen(reef.plan(asks=asks)) == (V2, Decision.APPROVED)


@pytest.mark.parametrize("asks", list(Asks))
def test_after_a_no_latest_is_the_version_before(reef, asks):
    answer(reef, V2, yes=False)
    plan = reef.plan(asks=asks)
    assert chosen(plan) == (V1, Decision.NOT_NEEDED)
    assert [(passed.version, passed.reason) for passed in plan.passed_over] == [
        (V2, "refused by ana at 2026-11-01T10:00:00Z")
    ]


def test_a_refused_version_that_a_person_names_is_asked_for_again(reef):
    answer(reef, V2, yes=False)
    assert chosen(reef.plan(asks=Asks.AGAIN, model_version=V2)) == (V2, Decision.ASK)
    assert chosen(reef.plan(asks=Asks.ONCE, model_version=V2)) == (V2, Decision.REFUSED)


def test_a_plan_that_may_not_start_chooses_nothing_and_asks_for_no_room(reef):
    answer(reef, V2, yes=False)
    plan = reef.plan(asks=Asks.ONCE, model_version=V2)
    assert (plan.work.images, plan.work.capacity, plan.pending) == (0, None, 12)
    assert plan.describe()[-2:] == [
        "refused by ana at 2026-11-01T10:00:00Z: 12 images, 0.00333 CPU hours at 1 s per image (assumed) are not inferred",
        "no inference",
    ]


def test_more_images_never_stop_the_version_in_use(reef, scenes):
    reef.put_scenes(scenes[:3])
    plan = reef.plan(asks=Asks.NEVER)
    assert chosen(plan) == (V1, Decision.NOT_NEEDED)
    assert plan.work.images > 0


def test_without_a_threshold_nobody_is_asked(reef):
    free = reef.with_settings(run={"approval_cpu_hours": None})
    assert chosen(free.plan(asks=Asks.NEVER)) == (V2, Decision.NOT_NEEDED)


def test_a_night_that_may_use_nothing_waits(few_images):
    fresh = few_images.with_settings(model={"name": "demo-fish", "version": "latest"}, run={"approval_cpu_hours": 0})
    plan = fresh.plan(asks=Asks.NEVER)
    assert chosen(plan) == (V2, Decision.WAITS)
    assert plan.work.images == 0


def test_a_torn_model_is_passed_over_and_named(reef):
    break_model(reef, V3)
    plan = reef.plan(asks=Asks.ONCE)
    assert plan.variant.release.version == V2
    [passed] = plan.passed_over
    assert passed.version == V3
    assert "Model file of 15 bytes is not ONNX" in passed.reason
    assert any(line.startswith("model demo-fish v3 is passed over: s3://") for line in plan.describe())


def test_versions_that_reach_beyond_their_file_or_say_what_nobody_exports_are_passed_over_and_named(reef):
    model = onnx.load_from_string(constant_model())
    model.graph.initializer.append(elsewhere("airflow.cfg"))
    hostile = {
        "v6": model.SerializeToString(),
        "v5": constant_model(metadata={"stride": "abc"}),
        "v4": constant_model(metadata={"names": "x" * 3_000_000}),
        "v3": constant_model(metadata={"names": r"['\ud800', 'a']"}),
    }
    for version, data in hostile.items():
        reef.stores.models.write_bytes(f"demo-fish/{version}/model.onnx", data)
    plan = reef.plan(asks=Asks.ONCE)
    assert plan.variant.release.version == V2
    said = {passed.version: passed.reason for passed in plan.passed_over}
    assert "keeps weights in 'airflow.cfg', which is not beside it" in said["v6"]
    assert "has stride 'abc'" in said["v5"]
    assert "metadata has 3,000" in said["v4"]
    assert "half of a character" in said["v3"]
    assert all("\n" not in reason for reason in said.values())


def test_a_version_is_passed_over_until_all_its_files_are_there_and_taken_with_them(reef):
    """An upload goes on while the night plans: each file is awaited by its name, and what came last makes no other variant."""
    graph, weights = apart(grid_model(metadata=dict.fromkeys(("names", "imgsz"))))
    bucket, said = reef.stores.models, []

    def put(name, data):
        bucket.write_bytes(f"demo-fish/{V3}/{name}", data)
        shelf = Shelf(reef.stores, reef.dataset, None)
        said.append((shelf.first(), "; ".join(passed.reason for passed in shelf.broken)))
        return said[-1][0].release.version

    card = b"names: [fish, crab]\nimgsz: 640\nlicence: MIT\ncitation: Ana (2026)\n"
    assert put("model.onnx", graph) == V2
    assert put("model.onnx.data", weights[:-1]) == V2
    assert put("model.onnx.data", weights) == V2
    assert put("model.yaml", card) == V3
    plan = reef.plan(asks=Asks.ONCE)
    for part, (_, reason) in zip(
        ("'model.onnx.data', which is not beside it", "has 71 bytes and should have 72", "write names:", ""),
        said,
        strict=True,
    ):
        assert part in reason
    assert chosen(plan) == (V3, Decision.ASK)
    assert plan.versions[:2] == (V3, V2), "what the form proposes is what the plan saw"
    release = plan.variant.release
    sha256 = {"model.yaml": hashlib.sha256(card).hexdigest(), "model.onnx.data": hashlib.sha256(weights).hexdigest()}
    assert release.info.names == ("fish", "crab")
    assert plan.variant.preimage["files"] == sha256
    assert plan.variant.to_json()["model"] == {
        "name": "demo-fish", "version": V3, "key": f"demo-fish/{V3}/model.onnx", "licence": "MIT", "citation": "Ana (2026)"
    }  # fmt: skip
    told = plan.to_json()
    assert told["cited"] == {"licence": "MIT", "citation": "Ana (2026)"}
    assert not {"drops_below", "batch"} & {*told, *told["job"]}, "nobody has anything to say of them"
    job = ShardJob.from_plan(told)
    assert {file.name: file.sha256 for file in job.model_files} == sha256
    assert job == plan.job


def test_all_files_of_a_version_together_are_bounded(reef):
    graph, weights = apart(grid_model())
    reef.stores.models.write_bytes(f"demo-fish/{V3}/model.onnx", graph)
    reef.stores.models.write_bytes(f"demo-fish/{V3}/model.onnx.data", weights + bytes(1024**2 - len(weights)))
    small = reef.with_settings(model={**reef.dataset.model.model_dump(), "size_limit": 1024**2})
    shelf = Shelf(small.stores, small.dataset, None)
    assert shelf.first().release.version == V2
    [passed] = shelf.broken
    assert re.search(
        r"more than 1048576 bytes with its weights in 'model\.onnx\.data' - raise model\.size_limit", passed.reason
    )


def endless(*, announced):
    """An object of 200 GB, as its header says or does not."""

    def answer(handler, _number):
        handler.send_response(200)
        handler.send_header("ETag", '"x"')
        if announced:
            handler.send_header("Content-Length", str(200 * 10**9))
        handler.end_headers()
        with suppress(OSError):  # whoever asked goes
            for _ in range(1 if announced else 10_000):
                handler.wfile.write(bytes(2**16))
                handler.wfile.flush()
        handler.close_connection = True

    return answer


def test_a_model_of_any_size_is_not_fetched(reef):
    """200 GB as announced, 200 GB without a word of it: neither fills the disk, and a person may mean it."""
    break_model(reef, V3)
    ours = reef.stores.models
    for announced in (True, False):
        front = of(f"/demo-fish/{V3}/model.onnx", endless(announced=announced), passed_on(ours.access.endpoint_url))
        with reached_through(reef, front) as reached:
            small = reached.with_settings(model={**reef.dataset.model.model_dump(), "size_limit": 2 * 1024**2})
            plan = small.plan(asks=Asks.ONCE)
            assert chosen(plan) == (V2, Decision.ASK)
            [passed] = plan.passed_over
            size = "190,734.9 MiB" if announced else "more than 2 MiB"
            assert passed.reason.endswith(
                f"is not read: it has {size}, and 2 MiB are the most of its kind - raise model.size_limit where it really is a model"
            )
    assert "size_limit" not in reef.dataset.model_dump(mode="json")["model"], "what nobody wrote is not stored"


def test_latest_object_before_its_model_is_passed_over(reef):
    reef.stores.models.write_bytes("demo-fish/LATEST", b"v7\n")
    plan = reef.plan(asks=Asks.ONCE)
    assert plan.variant.release.version == V2
    assert [passed.version for passed in plan.passed_over] == ["v7"]


def test_latest_object_hides_what_is_above_it(reef):
    reef.stores.models.write_bytes("demo-fish/LATEST", b"v1\n")
    plan = reef.plan(asks=Asks.ONCE)
    assert (chosen(plan), plan.passed_over) == ((V1, Decision.NOT_NEEDED), ())


def test_a_torn_model_that_is_named_is_refused(reef):
    break_model(reef, V3)
    with pytest.raises(ModelRefusedError, match=r"demo-fish/v3/model\.onnx: Model file of 15 bytes is not ONNX"):
        reef.plan(model_version=V3)


def test_a_bucket_of_torn_models_says_so(reef):
    for version in (V1, V2):
        break_model(reef, version)
    with pytest.raises(ConfigError, match=r"holds no usable model: v2: .* is not ONNX .*; v1: "):
        reef.plan()


@pytest.mark.parametrize(
    ("refused", "named", "expected"),
    [
        pytest.param((), V2, True, id="the highest version, by name"),
        pytest.param((), V1, False, id="a version below one that may be used"),
        pytest.param((V2,), V1, True, id="a version below one that was refused"),
        pytest.param((V2,), V2, True, id="a refused version that is asked for again"),
    ],
)
def test_a_named_version_becomes_the_answer_where_latest_means_it(reef, refused, named, expected):
    for version in refused:
        answer(reef, version, yes=False)
    assert reef.plan(model_version=named).may_become_current is expected


def test_a_plan_of_an_earlier_release_is_summarized(reef):
    plan = reef.plan(model_version=V1)
    reef.infer(plan)
    path = reef.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan
    stored = reef.stores.results.read_json(path)
    reef.stores.results.write_json(path, {k: v for k, v in stored.items() if k not in {"approval", "passed_over"}})
    assert reef.summarize(plan).balance.complete


def test_a_notice_holds_figures_and_command_until_the_dataset_names_another_version(reef):
    fixed = reef.with_settings(model={"name": "demo-fish", "version": V1})
    assert read_notice(fixed.stores, fixed.dataset) is None
    lines = notice_release(fixed.stores, fixed.plan(model_version="latest", plan_only=True))
    notice = read_notice(fixed.stores, fixed.dataset)
    assert (notice["model"]["version"], notice["instead_of"], notice["images"]) == (V2, V1, 12)
    assert lines[1] == "v2 would infer 12 images, 0.00333 CPU hours at 1 s per image (assumed)"
    assert lines[2] == f"to do so month by month: {notice['command']}"
    moved_on = reef.with_settings(model={"name": "demo-fish", "version": V2})
    assert read_notice(moved_on.stores, moved_on.dataset) is None


def test_the_newest_version_is_no_news_to_a_dataset_that_names_it(reef):
    fixed = reef.with_settings(model={"name": "demo-fish", "version": V2})
    [line] = notice_release(fixed.stores, fixed.plan(model_version="latest", plan_only=True))
    assert line == "the newest model version, v2, is the one the dataset names: nothing to tell"
    assert read_notice(fixed.stores, fixed.dataset) is None


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(
            datetime(2024, 3, 5),
            datetime(2026, 9, 30),
            "--from-date 2024-03-01 --to-date 2026-09-01 ",
            id="past months",
        ),
        pytest.param(
            datetime(2024, 3, 5),
            datetime(2026, 11, 24),
            "--from-date 2024-03-01 --to-date 2026-10-01 ",
            id="this month too",
        ),
        pytest.param(
            datetime(2026, 11, 2),
            datetime(2026, 11, 24),
            "airflow dags trigger reanalyse_reef --conf ",
            id="this month only",
        ),
    ],
)
def test_the_command_covers_past_months(first, last, expected):
    command = release_command("reef", V2, first, last, datetime(2026, 11, 25, tzinfo=UTC))
    assert expected in command
    assert command.endswith("""'{"model_version": "v2"}'""")
