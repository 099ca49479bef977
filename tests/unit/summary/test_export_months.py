"""Months of exports that a dataset file asks for: stored once, named again while their month is as it was, and verified."""

import csv
import io
import json
from collections import Counter

import pytest

from hostile_answer import draw_rows
from pipeline import make_pipeline
from shoal.contract.errors import ConfigError
from shoal.contract.stored_names import Kind, read_name
from shoal.exports.export import BY_MONTH
from shoal.exports.long import Long
from shoal.settings.dataset import EXPORTS_BY_MONTH
from shoal.settings.dataset_files import load_dataset


@pytest.fixture(scope="module")
def nights(store, demo_models, tmp_path_factory):
    """Three nights over one bucket, the second with news in June alone, the third with none, and which months of `long` each wrote."""
    pipeline = make_pipeline(store, demo_models, tmp_path_factory.mktemp("nights"), exports=list(EXPORTS_BY_MONTH))
    written, write = [], Long.write

    def recorded(self, database, answer, to, where):
        written.append(to.name)
        return write(self, database, answer, to, where)

    def night(*keys):
        written.clear()
        for key in keys:
            pipeline.put(key, key.encode())
        plan = pipeline.plan()
        draw_rows(pipeline, plan)
        return plan, pipeline.summarize(plan), list(written)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Long, "write", recorded)
        yield (
            pipeline,
            *(
                night(*keys)
                for keys in (
                    [
                        f"2026{month}{day}-{hour}0000-A1.jpg"
                        for month in ("05", "06")
                        for day in ("01", "02")
                        for hour in ("03", "09")
                    ],
                    ["20260603-090000-A1.jpg", "20260601-030000-A1.bad.jpg"],
                    [],
                )
            ),
        )


def test_a_month_of_an_export_is_stored_once_and_named_again_while_it_is_as_it_was(nights):
    _, (_, first, wrote_first), (_, second, wrote_second), _ = nights
    assert sorted(wrote_first) == ["long-2026-05", "long-2026-06"]
    assert wrote_second == ["long-2026-06"]
    names = {
        f"{name}-{month}.{ending}"
        for month in ("2026-05", "2026-06")
        for name, ending in [
            ("coco", "json"),
            ("coco-results", "json"),
            ("long", "csv"),
            ("long", "parquet"),
            ("megadetector", "json"),
        ]
    }
    keys = [{file.name: file.key for file in done.stored.export_months} for _, done in ((0, first), (1, second))]
    assert set(keys[0]) == set(keys[1]) == names
    assert {name for name in names if keys[0][name] == keys[1][name]} == {name for name in names if "2026-05" in name}
    assert first.stored.tables
    assert not {file.table for file in first.stored.tables} & set(EXPORTS_BY_MONTH)


def test_the_months_read_back_are_the_answer_to_the_last_box(nights):
    pipeline, _, (_, done, _), _ = nights
    told = {one["taxon"]: one["detections"] for one in done.summary["result"]["species"]}
    days, boxes = Counter(), Counter()
    for file in done.stored.export_months:
        data = pipeline.stores.results.read_bytes(file.key)
        if file.name.endswith(".csv"):
            lines = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
            assert file.rows == len(lines)
            for line in lines:
                days[line["taxon"]] += int(line["count"])
        if file.name.startswith("coco-2026"):
            found = json.loads(data)
            names = {one["id"]: one["name"] for one in found["categories"]}
            boxes.update(names[one["category_id"]] for one in found["annotations"])
    assert days == boxes == told != {}
    assert done.summary["run"]["exports"]["coco"] == {"not_held": {"images that failed": 1}}


def test_an_idle_night_names_them_again(nights):
    _, _, (_, second, _), (_, third, wrote) = nights
    assert (third.stored.export_months, wrote) == (second.stored.export_months, [])


def test_verify_writes_them_again_and_tells_what_differs(nights):
    pipeline, _, (plan, done, _), _ = nights
    layout = pipeline.stores.layout
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()
    assert {read_name(layout, file.key).kind for file in done.stored.export_months} == {Kind.SHARED}
    files = {file["key"].rpartition("/")[2]: file for file in done.summary["files"]}
    del files["long-2026-05.csv"]
    files["coco-2026-05.json"] = {**files["coco-2026-05.json"], "sha256": "0" * 64}
    try:
        pipeline.stores.results.write_json(done.key, {**done.summary, "files": list(files.values())})
        told = pipeline.verify(plan.run_key, plan.variant.directory).deviations
        assert "G3: the summary names no file long-2026-05.csv, which its tables give" in told
        assert "G3: file coco-2026-05.json written again from the tables differs from the summary's" in told
    finally:
        pipeline.stores.results.write_json(done.key, done.summary)


def test_a_day_without_work_at_the_border_of_two_months_is_no_line_and_is_counted(
    store, demo_models, tmp_path, monkeypatch
):
    """The first of June in Madrid begins in May, UTC: its row lies in May's tables, one of its images in June's."""
    rest = {"from": "2026-05-31T22:00:00", "to": "2026-06-01T22:00:00", "reason": "fogged"}
    stay = {"name": "pier", "camera": "A1", "start": "2026-05-01", "not_working": [rest]}
    pipeline = make_pipeline(
        store, demo_models, tmp_path, exports=["long"], deployments=[stay], report={"zone": "Europe/Madrid", "bins": ["day"]}
    )  # fmt: skip
    for moment in ("20260531-120000", "20260531-230000", "20260601-090000", "20260602-090000"):
        pipeline.put(f"{moment}-A1.jpg", moment.encode())
    draw_rows(pipeline, plan := pipeline.plan())
    done = pipeline.summarize(plan)
    files = {
        file.name: pipeline.stores.results.read_bytes(file.key).decode()
        for file in done.stored.export_months
        if file.name.endswith(".csv")
    }
    days = {
        line["timestamp"]
        for month in ("05", "06")
        for line in csv.DictReader(io.StringIO(files[f"long-2026-{month}.csv"], newline=""))
    }
    assert days == {"2026-05-30T22:00:00Z", "2026-06-01T22:00:00Z"}
    not_held = done.summary["run"]["exports"]["long"]["not_held"]
    assert not_held["bins of day whose images are all from times in which the camera was not at work (no rows)"] == 1
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()

    months, write = [], Long.write
    monkeypatch.setattr(Long, "write", lambda self, *given: (months.append(given[2].name), write(self, *given))[1])
    pipeline.put("20260603-090000-A1.jpg", b"news in June alone")
    draw_rows(pipeline, plan := pipeline.plan())
    again = pipeline.summarize(plan)
    assert months == ["long-2026-05", "long-2026-06"], "May's last day may reach into June"
    assert again.summary["run"]["exports"]["long"]["not_held"] == not_held


def test_what_is_computed_anew_has_the_same_bytes_and_what_fails_costs_its_own_files_alone(nights, monkeypatch):
    """Another description makes a night compute everything."""
    pipeline, _, (_, second, _), _ = nights
    monkeypatch.setattr(Long, "not_held", lambda *_: 1 / 0)
    anew = pipeline.with_settings(description="Ana's camera")
    done = anew.summarize(anew.plan())
    assert done.summary["run"]["exports"]["long"] == {"failed": "ZeroDivisionError: division by zero"}
    assert {file.key for file in done.stored.export_months} == {
        file.key for file in second.stored.export_months if file.table != "long"
    }


def test_a_dataset_file_may_ask_for_ours_by_month_and_for_those_of_wheels(tmp_path, nights):
    assert tuple(sorted(BY_MONTH)) == EXPORTS_BY_MONTH
    pipeline, *_ = nights
    file = tmp_path / "reef.yaml"
    settings = pipeline.dataset.model_dump(mode="json", include={"source", "models", "results", "model"})
    file.write_text(json.dumps({**settings, "exports": ["long"]}))
    assert load_dataset(file).exports == ("long",)
    file.write_text(json.dumps({**settings, "exports": ["yolo"]}))
    with pytest.raises(
        ConfigError, match=r"no installed wheel brings an export 'yolo' - there are coco, long, megadetector"
    ):
        load_dataset(file)
