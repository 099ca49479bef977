"""plan.json read back: what the writer wrote, what earlier releases wrote, and what is no plan at all."""

import json
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shoal.bucket.drift import Drift
from shoal.bucket.listing import Scope
from shoal.bucket.listing_record import Moment
from shoal.bucket.sieve import ListingCounts
from shoal.bucket.silent_cameras import Silent
from shoal.capacity.share import Capacity, NodeFit
from shoal.contract.errors import ContractError
from shoal.contract.families import Understood
from shoal.contract.families.yolov8 import YOLOV8
from shoal.contract.inference import Inference
from shoal.contract.job import ShardJob, ThenModel, Witness
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.model_files import ModelFile
from shoal.contract.model_info import ModelInfo
from shoal.contract.then import RollUp, Then
from shoal.models.approval import Answer, Approval, Decision, Rate, Work
from shoal.models.dropped import Dropped
from shoal.models.release import ModelRelease
from shoal.models.variant import Variant
from shoal.models.versions import PassedOver
from shoal.plan.document import Plan
from shoal.plan.doubts import describe_batches
from shoal.plan.planned_work import PlannedShard, PlannedWork
from shoal.results.stored_plan import StoredPlan
from shoal.settings.analysis import Clock
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams
from shoal.tables.clock_table import ClockLine, ClockTable

STORED_CLOCKS = json.loads((Path(__file__).parents[2] / "fixtures/stored_clocks.json").read_text(encoding="utf-8"))
EARLIER = sorted((Path(__file__).parents[2] / "fixtures/format-1").rglob("plan.json"))
DATED = ClockLine(0, "name", "IPC608", 9, "2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z", "a.jpg", {"doubled": 2})
UNDATED = ClockLine(None, None, "camera", 3, None, None, "e 海.jpg", {"undated": 3})
SHA, RATE = "0" * 64, Rate(0.5, "measured in 126 images")
UNDERSTOOD = Understood(YOLOV8, ModelInfo(("fish",), 32, (640, 640), None), None)
RELEASE = ModelRelease("demo-fish", "v1", "demo-fish/v1/model.onnx", SHA, UNDERSTOOD)
VARIANT = Variant(RELEASE, Inference((640, 640), rect=True))
JOB = ShardJob(
    "20260601T020000Z-abcd1234", "images", "models", RELEASE.key, SHA, "results", "x/v/", VARIANT.inference, 60.0,
    read_before=Witness("e 海.jpg", "0" * 32, 7), elsewhere=(Witness("a.jpg", "1", 8), Witness("z.jpg", "2", 9)),
)  # fmt: skip

SPECIES = ModelRelease(
    "species", "s3", "species/s3/model.onnx", "1" * 64, UNDERSTOOD, files=(ModelFile("model.yaml", "2" * 64, 7),)
)
THEN = Then((224, 224), 0.1, square=True, classes=(0,), roll_up=RollUp(0.65, ("Diplodus",), (1, None)))
IN_A_ROW = Variant(RELEASE, Inference((640, 640), rect=True, then=THEN), SPECIES)
JOB_IN_A_ROW = replace(
    JOB, inference=IN_A_ROW.inference, then_model=ThenModel(SPECIES.key, SPECIES.sha256, SPECIES.files)
)


def make_dataset(**settings):
    place = {role: {"conn_id": "store", "bucket": role} for role in ("source", "results", "models")}
    return Dataset.model_validate({"name": "reef", **place, "model": {"name": "demo-fish"}, **settings})


def write_plan(dataset=None, params=None, **differs):
    """A plan with everything in it, but for what `differs`."""
    dataset, params = dataset or make_dataset(), params or RunParams()
    capacity = Capacity(2, 3, (NodeFit("laptop", 3, ("cpu", "memory")),), "3 workers fit")
    facts = {
        "run_key": JOB.run_key,
        "dag_id": "reanalyse_reef",
        "run_id": "manual__1",
        "dataset": dataset,
        "params": params,
        "scope": Scope.of(dataset.source, params),
        "variant": VARIANT,
        "listing_key": "reef/listings/20260601T020000Z-abcd1234.json",
        "listing": ListingCounts(12, 1000, 1, 2),
        "listed_at": Moment(datetime(2026, 6, 1, 2, 0, 3, tzinfo=UTC), by_store=True),
        "listed": 12,
        "reused": 3,
        "drift": Drift(12, 1, 3, 2, 1, 4, "reef/listings/20260531T020000Z-abcd1234.json"),
        "work": PlannedWork(
            capacity, RATE, (PlannedShard(0, 4, "a.jpg", "d.jpg"), PlannedShard(1, 3, "e 海.jpg", "g.jpg"))
        ),
        "ledgers": ["reef/v/ledger/x.parquet"],
        "parts": ["reef/v/parts/x.parquet"],
        "job": JOB,
        "approval": Approval(
            Decision.APPROVED, Work(9, RATE), 24.0, Answer(yes=True, by="ana", at="2026-06-01T00:00:00Z")
        ),
        "selected": True,
        "passed_over": [PassedOver("v2", "refused by ana")],
        "silent": [Silent("IPC608", datetime(2026, 6, 1)), Silent(None, None)],
        "clock": ClockTable((DATED, UNDATED), 3, 7, ("7 of 19 images are odd - write it otherwise",)),
        "remarks": ("clock: deployment pier corrects camera IPC608 (+1h): 9 images",),
    }
    return Plan(**(facts | differs)).to_json()


NOTHING_TO_DO = {
    "dag_id": "",
    "run_id": "",
    "reused": 12,
    "work": PlannedWork(None, RATE, ()),
    "ledgers": [],
    "parts": [],
    "approval": Approval(Decision.NOT_NEEDED, Work(0, RATE), None, None),
    "passed_over": [],
    "silent": None,
}
SAID = RunParams.parse(
    {"conf": 0.4, "prefix": "IPC", "limit": 3, "window_start": "2026-06-01T00:00:00Z", "retry_failed": ["corrupt"]}
)


CITED = replace(
    VARIANT,
    release=replace(VARIANT.release, cited={"licence": "MIT", "citation": "Ana (2026)"}, dropped=Dropped(0.25)),
)


def as_written(plan):
    """Every field of a parsed plan under its name in plan.json, as JSON."""
    found = {
        f.name.removesuffix("_json"): value for f in fields(plan) if (value := getattr(plan, f.name)) is not plan.json
    }
    found |= {name: value for name, value in asdict(plan).items() if name in found}
    found = {name: value for name, value in found.items() if value or name not in {"cited", "drops_below"}}
    told = json.loads(json.dumps(found | {"job": plan.job.to_json()}))
    if not plan.listing.unlisted:
        del told["listing"]["unlisted"]
    then = told.pop("then")
    if then is not None and not then["cited"]:
        del then["cited"]
    return told if then is None else told | {"then": {**then.pop("model"), **then}}


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(write_plan(), id="everything"),
        pytest.param(write_plan(**NOTHING_TO_DO), id="nothing to do"),
        pytest.param(write_plan(params=SAID), id="something said"),
        pytest.param(write_plan(variant=CITED), id="a model that is cited, and drops boxes"),
        pytest.param(write_plan(variant=IN_A_ROW, job=JOB_IN_A_ROW), id="two models in a row"),
        pytest.param(write_plan(listing=ListingCounts(3, unlisted={"links": 2})), id="of a folder"),
    ],
)
def test_a_plan_is_read_as_it_was_written(written):
    written = json.loads(json.dumps(written))
    plan = StoredPlan.parse(written)
    assert as_written(plan) | {"format_version": FORMAT_VERSION} == written
    assert plan.json is written
    assert plan.kind == "run"


def test_a_plan_says_of_its_model_what_there_is_to_say_and_in_words_what_it_drops():
    told = write_plan(variant=CITED)
    assert (told["cited"], told["drops_below"]) == ({"licence": "MIT", "citation": "Ana (2026)"}, 0.25)
    assert not {"cited", "drops_below"} & set(write_plan())


@pytest.mark.parametrize(
    ("batch", "most_at_once", "tile", "said"),
    [
        pytest.param(1, 1, None, [], id="nobody asked for batches"),
        pytest.param("auto", None, None, [], id="the file takes any number"),
        pytest.param("auto", 4, None, [], id="the file takes four"),
        pytest.param(
            16,
            None,
            None,
            [
                (
                    "worker.batch: 16 is taken whatever memory there is: the pixels of 16 images are 75 MiB before the model has made "
                    "anything of them, and a worker that takes more than cluster.pod.memory (2Gi) is ended"
                )
            ],
            id="a number may be more than memory holds",
        ),
        pytest.param(
            8, 1, None, ["worker.batch: 8 changes nothing: the model file takes one image at a time"], id="one"
        ),
        pytest.param(
            "auto",
            None,
            {"size": 640},
            ["worker.batch: auto changes nothing: tiles are looked at one by one"],
            id="tiles",
        ),
    ],
)
def test_a_plan_says_where_batches_change_nothing_and_what_they_may_cost(batch, most_at_once, tile, said):
    model = {"name": "fish", "tile": tile} if tile else {"name": "fish"}
    dataset = make_dataset(model=model, worker={"batch": batch})
    assert [line.partition(" - ")[0] for line in describe_batches(dataset, most_at_once, (640, 640))] == said


def test_a_plan_that_knows_no_image_that_was_read_before_is_read():
    written = json.loads(json.dumps(write_plan()))
    del written["job"]["read_before"], written["job"]["elsewhere"]
    job = StoredPlan.parse(written).job
    assert (job.read_before, job.elsewhere) == (None, ())


def test_settings_and_params_are_those_of_the_run():
    plan = StoredPlan.parse(json.loads(json.dumps(write_plan(params=SAID))))
    assert (plan.settings, plan.params) == (make_dataset(), SAID)
    assert (plan.dataset, plan.plan_only) == ("reef", False)


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.parent.name)
def test_a_plan_of_an_earlier_release_lacks_what_was_not_written_then(path):
    plan = StoredPlan.parse(json.loads(path.read_text(encoding="utf-8")))
    assert (plan.clock, plan.silent, plan.drift, plan.approval, plan.passed_over) == (None, None, None, None, ())
    assert plan.remarks == ()
    assert (plan.listing.ignored_by, plan.listing.videos, plan.listing.unread, plan.listing.below_images) == (
        {},
        {},
        {},
        0,
    )
    assert plan.settings.run.approval_cpu_hours == Dataset.model_fields["run"].default.approval_cpu_hours
    assert plan.params == RunParams()
    assert plan.kind == "run"


@pytest.mark.parametrize("stored", STORED_CLOCKS.values(), ids=STORED_CLOCKS)
def test_a_stored_clock_means_what_it_meant_whatever_the_defaults_are_today(stored):
    written = write_plan()
    written["settings"] = {**written["settings"], "clock": stored}
    clock = StoredPlan.parse(written).settings.clock
    assert [(entry.exif, entry.zone, entry.camera) for entry in clock.entries] == [
        (False, "UTC", "camera"),
        (True, "UTC", "camera"),
    ]
    assert (clock.pattern, clock.format) == (r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+\d+)", "%Y%m%d-%H%M%S")
    assert not clock.says_zone_of_exif
    # Stored once more, by whoever repeats the run, it is the same clock.
    assert clock.model_dump(mode="json") == STORED_CLOCKS["an entry of EXIF that stores no pattern"]


def test_a_clock_stores_whatever_a_default_of_a_later_release_could_change():
    clock = [{}, {"exif": True}, {"last_modified": True}]
    assert write_plan(make_dataset(clock=clock))["settings"]["clock"] == {
        "pattern": Clock.model_fields["pattern"].default,
        "format": "%Y%m%d-%H%M%S",
        "zone": "UTC",
        "camera": "camera",
        "unique": False,
        "others": [{"camera": "camera", "exif": True}, {"camera": "camera", "last_modified": True}],
    }
    assert make_dataset(clock=[{}, {"exif": True, "zone": "UTC"}]).model_dump()["clock"]["others"][0]["zone"] == "UTC"


def test_what_a_later_release_added_is_passed_over_and_copied_word_for_word():
    written = write_plan()
    written |= {
        "kind": "resummary",
        "later": 1,
        "model": {**written["model"], "later": 1},
        "settings": {**written["settings"], "later": 1},
    }
    plan = StoredPlan.parse(written)
    assert (str(plan.model), plan.settings) == ("demo-fish v1", make_dataset())
    assert plan.kind == "resummary"
    assert plan.copied("model") == {"model": written["model"]}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        pytest.param(
            {"run_key": "r"}, r"^plan.json of run r has no field 'capacity' - restore it, or start", id="no plan"
        ),
        pytest.param(
            {**write_plan(), "model": {"name": "x"}}, r"abcd1234 has no field 'version' - restore", id="half a model"
        ),
        pytest.param(
            {**write_plan(), "counts": 3}, r"abcd1234 is not what its format promises \(.*\) - restore", id="a number"
        ),
        pytest.param(
            {**write_plan(), "clock": {"lines": [{}]}}, r"abcd1234 has no field 'convention' - ", id="half a clock"
        ),
        pytest.param(
            {**write_plan(), "shards": None}, r"abcd1234 is not what its format promises \(.*\) - ", id="no shards"
        ),
    ],
)
def test_what_is_no_plan_is_said_in_one_line(broken, message):
    with pytest.raises(ContractError, match=message) as err:
        StoredPlan.parse(broken)
    assert "\n" not in str(err.value)


def test_settings_of_a_later_release_that_cannot_be_used_are_named():
    written = write_plan()
    written["settings"]["run"]["budget"] = "a while"
    message = r"^plan.json of run \S+ cannot be read \(settings\.run\.budget: .*\) - upgrade Shoal$"
    with pytest.raises(ContractError, match=message):
        _ = StoredPlan.parse(written).settings


def test_a_plan_that_asked_nobody_has_no_question():
    written = {name: value for name, value in write_plan().items() if name != "approval"}
    with pytest.raises(ContractError, match=r"has no approval to ask for - start a new run$"):
        _ = StoredPlan.parse(written).question
