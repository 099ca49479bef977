"""What stands beside an answer's numbers: made at each summary, the same for the same labels, told once when it is new."""

import csv
import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace

import openpyxl
import pytest

from shoal.answers.find import find_run
from shoal.answers.where import Where
from shoal.contract.errors import ContractError, UnreadableError
from shoal.evidence.answer_evidence import MOST_FINDINGS, MOST_KNOWN, count_health, health_of, tell_health
from shoal.evidence.answer_files import read_file
from shoal.evidence.estimates import make
from shoal.evidence.estimates.make import make_estimate
from shoal.evidence.health.again import describe_new, new_of
from shoal.evidence.health.days import day_start
from shoal.evidence.health.finding import Finding, Trouble
from shoal.evidence.review.design import Wish, draw_review
from shoal.evidence.review.published import Asked
from shoal.exports.coco import COCO
from shoal.exports.long import LONG
from shoal.exports.on_demand import Order, export_to_folder
from shoal.exports.xlsx import WORKBOOK
from shoal.stores.folder import FolderStore
from shoal.summary import evidence_beside, same_answer
from shoal.summary.summarize import summarize_run
from shoal.tables.session import open_database
from show_command import ask_labels, ask_repeats, ask_sample
from troubled_reef import night, troubled_reef

TAXON = "Diplodus vulgaris"


def stored(pipeline, done, name):
    file = done.stored.named.get(name)
    return None if file is None else pipeline.stores.results.read_json(file.key)


def report(pipeline, done):
    return pipeline.stores.results.read_bytes(done.stored.named["report.html"].key).decode()


def label(pipeline, ask, tmp_path, n):
    """Draw images and label them: in every third handed out two of the taxon."""
    ask(ask_sample)(pipeline, str(tmp_path / "out"), "-n", str(n))
    coco = json.loads((tmp_path / "out/coco.json").read_text(encoding="utf-8"))
    ids = {one["name"]: one["id"] for one in coco["categories"]}
    found = [
        (image["id"], ids[TAXON] if place % 3 == 0 else ids["nothing"])
        for place, image in enumerate(coco["images"])
        for _ in range(2 if place % 3 == 0 else 1)
    ]
    coco["annotations"] = [
        {"id": number, "image_id": image, "category_id": category, "bbox": [1, 1, 9, 9]}
        for number, (image, category) in enumerate(found)
    ]
    (tmp_path / "back.json").write_text(json.dumps(coco), encoding="utf-8")
    ask(ask_labels)(pipeline, str(tmp_path / "back.json"), "--by", "ana")
    return len(coco["images"])


def check_exports(reef, seen, labels, tmp_path):
    """Both tables have raw and corrected side by side, of the whole answer; of a part they say that they have none."""
    run = find_run(reef.stores.results, reef.stores.layout)

    def export(one, name, where=Where()):  # noqa: B008 - frozen
        with open_database(reef.stores.results) as database:
            return export_to_folder(database, Order(run, reef.dataset, one, where), tmp_path / name).told

    assert "estimates_sha256" in export(LONG, "long")
    with (tmp_path / "long/corrected.csv").open(encoding="utf-8") as file:
        rows = {(row["taxon"], row["of"]): row for row in csv.DictReader(file)}
    own, none = rows[TAXON, "individuals"], rows["Chromis chromis", "individuals"]
    assert "Coris julis" not in {taxon for taxon, _ in rows}, "neither the model nor people saw one"
    assert [float(own[name]) for name in ("corrected", "low", "high")] == [
        seen["total"][name] for name in ("corrected", "low", "high")
    ]
    assert (none["corrected"], none["interval"]) == ("", f"not estimable with {labels} labels")
    export(WORKBOOK, "xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "xlsx/counts.xlsx")["corrected"]
    cells = {(row[0], row[1]): row for row in sheet.iter_rows(values_only=True)}
    assert cells[TAXON, "individuals"][5:9] == tuple(
        seen["total"][name] for name in ("raw", "corrected", "low", "high")
    )
    part = export(LONG, "part", Where(cameras=("A",)))
    assert part["not_held"]["corrected counts, which are of the whole answer"] == 2
    assert not (tmp_path / "part/corrected.csv").exists()


def check_told_until_heard(reef, first, patches):
    """Who summarizes again tells the same again; a night that finds nothing says why, and carries on what was told."""
    assert any(re.match("1 new camera trouble in reef: camera A, lights since", line) for line in first.describe())
    layout = reef.stores.layout.variants([first.key.split("/")[1]])[0]
    again = summarize_run(reef.stores, layout, first.stored.run_key)
    assert again.new_troubles == first.new_troubles != []

    def fail(*_):
        raise UnreadableError("Reading or writing Parquet failed: No magic bytes")

    with patches.context() as patch:
        patch.setattr(evidence_beside, "read_evidence", fail)
        patch.setattr(same_answer, "numpy_release", lambda: "another one")  # else it would have the answer of before
        without = night(reef)
    assert without.summary["complete"]
    assert "findings.json" not in without.stored.named
    assert [one["trouble"] for one in without.summary["run"]["told_troubles"]] == ["lights"]
    assert any("export evidence failed" in line and "No magic bytes" in line for line in without.describe())
    assert "No magic bytes" in report(reef, without)


def check_gone_labels(reef, done, directory):
    """Labels that are gone keep nothing else from being verified, and are one deviation."""
    [lines] = [
        key for key in reef.stores.results.list_keys(reef.stores.layout.evidence("labels")) if key.endswith("parquet")
    ]
    kept = reef.stores.results.read_bytes(lines)
    reef.stores.results.delete([lines])
    [gone] = reef.verify(done.stored.run_key, directory).deviations
    assert re.search(rf"^G3: estimates and findings cannot be computed again, .*{lines}", gone), gone
    reef.stores.results.write_bytes(lines, kept)


def check_number_of_the_answer(reef, seen):
    """A number that report and workbook show is tested by the name of the answer."""
    run = find_run(reef.stores.results, reef.stores.layout)
    with open_database(reef.stores.results) as database:
        wish = Wish(Asked(TAXON, "share", "answer"), 20)
        published = draw_review(database, reef.stores.layout, run, wish, reef.dataset.taxa).published
    assert (published.estimate, published.value, published.low, published.high) == (
        "answer", *(seen["share"][name] for name in ("per_image", "per_image_low", "per_image_high"))
    )  # fmt: skip


def check_unreadable(reef, tmp_path):
    """An estimates.json that somebody edited stops the exports that hold it, in a line, and no other."""
    run = find_run(reef.stores.results, reef.stores.layout)
    with open_database(reef.stores.results) as database:
        export_to_folder(database, Order(run, reef.dataset, COCO, Where()), tmp_path / "coco")
    with open_database(reef.stores.results) as database, pytest.raises(ContractError, match="was changed after it was"):
        export_to_folder(database, Order(run, reef.dataset, LONG, Where()), tmp_path / "edited")


def test_labels_and_troubles_stand_beside_the_answer_from_the_next_night_on(demo_models, tmp_path, monkeypatch, capsys):
    def ask(command):
        return command(monkeypatch, capsys)

    with troubled_reef(tmp_path / "reef", demo_models["v1"]) as reef:
        first = night(reef)
        findings = stored(reef, first, "findings.json")
        [dark] = [one for one in findings["health"] if one["camera"] == "A"]
        assert (dark["trouble"], dark["from"], dark["to"]) == ("lights", "2026-06-15T00:00:00Z", None)
        assert first.summary["run"]["new_troubles"] == [one for one in findings["health"] if one["to"] is None]
        assert (findings["since"], findings["repeats"]["open"]) == (None, 1)
        [stone] = findings["repeats"]["taxa"]
        assert (stone["taxon"], stone["open"], stone["confirmed"]) == ("Chromis chromis", 64, 0)
        assert first.summary["run"]["why_not_beside"] == {"estimates": "", "findings": ""}
        assert "labels" not in first.summary["result"]
        assert "estimates.json" not in first.stored.named
        assert "python -m shoal sample reef OUT -n 300" in report(reef, first)

        check_told_until_heard(reef, first, monkeypatch)
        labels = label(reef, ask, tmp_path, 60)
        [cluster] = json.loads(ask(ask_repeats)(reef, "--json")[1])["clusters"]
        ask(ask_repeats)(reef, "--confirm", cluster["id"], "--by", "ana")
        second = night(reef)
        assert (second.new_troubles, second.summary["run"]["told_troubles"]) == ([], None)
        estimates = stored(reef, second, "estimates.json")
        assert estimates["labels"] == labels
        assert estimates["labels_sha256"] == second.summary["result"]["inputs"]["labels_sha256"]
        [seen] = [one for one in estimates["taxa"] if one["taxon"] == TAXON]
        with open_database(reef.stores.results) as database:
            run = find_run(reef.stores.results, reef.stores.layout)
            asked = make_estimate(database, reef.stores.layout, run, (), reef.dataset.taxa).json
        [same] = [one for one in asked["taxa"] if one["taxon"] == TAXON]
        assert seen["total"]["corrected"] == pytest.approx(same["total"]["corrected"], rel=1e-8)
        assert seen["total"]["low"] == pytest.approx(same["total"]["low"], rel=1e-8)
        text = report(reef, second)
        assert f"{seen['total']['corrected']:.0f}<br>" in text
        assert f"not estimable with {labels} labels" in text
        check_exports(reef, seen, labels, tmp_path)
        [told] = stored(reef, second, "findings.json")["repeats"]["taxa"]
        assert (told["confirmed"], told["open"]) == (64, 0)

        idle = night(reef)
        assert (idle.summary["files"], idle.summary["result_sha256"]) == (
            second.summary["files"],
            second.summary["result_sha256"],
        )
        for done in (first, second, idle):
            layout = reef.stores.layout.variants([f"{done.key.split('/')[1]}"])[0]
            directory = layout.root.removeprefix(reef.stores.layout.root).rstrip("/")
            with monkeypatch.context() as patch:  # a later release has one more remark to make of the same labels
                patch.setattr(make, "_looks_lost", lambda _: True)
                assert reef.verify(done.stored.run_key, directory).deviations == ()

        check_number_of_the_answer(reef, seen)

        check_gone_labels(reef, second, directory)
        changed = json.dumps({**estimates, "labels": 1000}).encode()
        reef.stores.results.write_bytes(second.stored.named["estimates.json"].key, changed, "application/json")
        deviations = reef.verify(second.stored.run_key, directory).deviations
        assert any("estimates.json" in line for line in deviations), deviations
        check_unreadable(reef, tmp_path)


@pytest.mark.parametrize(
    ("lies_there", "what"),
    [(None, "is gone"), (b'{"format_version": 1, "labels": 9}', "was changed"), (b"no JSON", "was changed"), (b" " * 9_000_000, "was changed")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_told_with_its_run_and_a_way_out(tmp_path, lies_there, what):
    if lies_there is not None:
        (tmp_path / "estimates.json").write_bytes(lies_there)
    file = SimpleNamespace(key="estimates.json", sha256="0" * 64)
    summary = SimpleNamespace(dataset="reef", run_key="20260601T000000Z-abcdefgh", named={"estimates.json": file})
    said = f"estimates.json of run reef/20260601T000000Z-abcdefgh {what}.* python -m shoal summarize reef --publish$"
    with pytest.raises(ContractError, match=said):
        read_file(FolderStore(tmp_path), summary, "estimates.json")


FOULED = {"camera": "A", "deployment": None, "trouble": "fouling", "from": "2026-06-10T00:00:00Z", "to": None}
LEAPT = {**FOULED, "trouble": "clock"}
MOVED = {**FOULED, "trouble": "moved"}
NEWEST = datetime(2026, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("found", "before", "is_new"),
    [
        pytest.param(FOULED, [], True, id="nobody told it"),
        pytest.param(FOULED, [FOULED], False, id="it lasts"),
        pytest.param({**FOULED, "from": "2026-06-08T00:00:00Z"}, [FOULED], False, id="its day moved"),
        pytest.param({**FOULED, "camera": "B"}, [FOULED], True, id="another camera"),
        pytest.param({**FOULED, "deployment": "pier"}, [FOULED], True, id="another deployment"),
        pytest.param(FOULED, [{**FOULED, "from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}], True, id="once more, after it was over"),
        pytest.param({**LEAPT, "from": "2026-06-20T00:00:00Z"}, [LEAPT], True, id="a clock that leaps again"),
        pytest.param(LEAPT, [LEAPT], False, id="the same leap"),
        pytest.param({**MOVED, "from": "2026-06-20T00:00:00Z"}, [MOVED], True, id="a camera that is moved again"),
        pytest.param({**MOVED, "from": "2026-06-12T00:00:00Z"}, [MOVED], False, id="the same move, its day moved"),
        pytest.param({**MOVED, "from": "2026-06-20T00:00:00Z"}, None, True, id="of a first answer a move of late"),
        pytest.param(MOVED, None, False, id="of a first answer no move of long ago"),
        pytest.param(LEAPT, None, False, id="of a first answer no leap of long ago"),
        pytest.param(FOULED, None, True, id="of a first answer what lasts"),
        pytest.param({**FOULED, "to": "2026-06-12T00:00:00Z"}, None, False, id="of a first answer not what is over"),
    ],
)  # fmt: skip
def test_a_trouble_is_told_once(found, before, is_new):
    assert bool(new_of([found], before, NEWEST)) == is_new


def test_the_latest_of_what_goes_on_is_told_first():
    found = [
        {**FOULED, "camera": camera, "from": f"2026-06-{day:02}T00:00:00Z", "to": to, "size": 0.5, "unit": "lost"}
        for camera, day, to in (("A", 1, None), ("B", 20, None), ("C", 21, "2026-06-22T00:00:00Z"), ("D", 9, None))
    ]
    line = describe_new(
        [*found, {**found[1], "trouble": "moved", "camera": "E", "from": "2026-06-10T00:00:00Z"}], "reef"
    )
    assert re.findall(r"camera (\w), (\w+ \w+)", line) == [
        ("B", "fouling since"),
        ("E", "moved on"),
        ("D", "fouling since"),
    ]
    assert line.startswith("5 new camera troubles in reef: ")
    assert line.endswith("; and 2 more")


def test_of_many_troubles_those_that_last_are_told_whole_and_none_is_new_twice():
    def finding(camera, trouble, day, end=None):
        return Finding(camera, "", trouble, day_start(day), end, 1.0, "hours", "").to_json()

    found = [finding("A", Trouble.FOULING, 0)]
    found += [finding("B", Trouble.CLOCK, day) for day in range(MOST_FINDINGS)]
    found += [finding("C", Trouble.FROZEN, MOST_FINDINGS + 1, day_start(MOST_FINDINGS + 2))]
    told = tell_health(found)
    kept, rest = told["health"], told["more_health"]
    assert (len(kept), count_health(told)) == (MOST_FINDINGS, len(found))
    assert {one["camera"] for one in kept} == {"A", "B", "C"}
    assert [(one["trouble"], one["from"]) for one in rest] == [
        ("clock", "1970-01-01T00:00:00Z"), ("clock", "1970-01-02T00:00:00Z"),
    ]  # fmt: skip
    later = tell_health([*found, finding("D", Trouble.MOVED, 1)])
    assert [one["camera"] for one in new_of(health_of(later), health_of(told), NEWEST)] == ["D"]
    many = tell_health([finding("B", Trouble.CLOCK, day) for day in range(MOST_KNOWN + 7)])
    assert (len(health_of(many)), count_health(many)) == (MOST_KNOWN, MOST_KNOWN + 7)
