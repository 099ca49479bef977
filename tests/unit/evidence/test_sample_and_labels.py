"""`sample` and `labels` as a person uses them: out to a tool, back from it, and what is said where something is not right."""

import csv
import json
import re
from dataclasses import replace

import pytest

import labelling_tools as tools
from field import open_with
from published_answer import plain_keys
from shoal.answers.find import find_run
from shoal.contract.errors import ConfigError, ContractError
from shoal.evidence.estimates.make import NoLabelsError, need_labels, tell_left_out
from shoal.evidence.frame import view_frame
from shoal.evidence.hand_out import hand_out
from shoal.evidence.lists import find_list
from shoal.evidence.read_sampled import read_sampled
from shoal.evidence.sorted_out import Bringing
from shoal.evidence.stored import read_designs
from shoal.evidence.take import take_labels
from shoal.evidence.told_labels import describe
from shoal.results.plan_parts import StoredThen
from shoal.tables.session import open_database
from show_command import ask_health, ask_labels, ask_repeats, ask_reviewer, ask_sample
from written_tasks import published_task

TAXA = ("Chromis chromis", "Coris julis", "Diplodus vulgaris")


@pytest.fixture
def sample(reef, monkeypatch, capsys):
    return lambda *words: ask_sample(monkeypatch, capsys)(reef.pipeline, *map(str, words))


@pytest.fixture
def labels(reef, monkeypatch, capsys):
    return lambda *words: ask_labels(monkeypatch, capsys)(reef.pipeline, *map(str, words))


def handed(out):
    with (out / "images.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def truth_of(out):
    """What a person sees in each image, by its name: nothing, some of the taxa, and one that the dataset does not know."""
    seen = (
        [],
        ["Chromis chromis"],
        ["Coris julis", "Coris julis", "sea hare"],
        ["diplodus VULGARIS", "Chromis chromis"],
    )
    return {one["name"]: seen[int(one["name"][6:8], 16) % len(seen)] for one in handed(out)}


def counts_of(out):
    """The same by key, as it is to be found again."""
    keys = {one["name"]: one["key"] for one in handed(out)}
    return {
        keys[name]: {taxon: sum(label.casefold() == taxon.casefold() for label in seen) for taxon in TAXA}
        for name, seen in truth_of(out).items()
    }


def sampled(reef, run=None):
    stores = reef.pipeline.stores
    with open_database(stores.results) as database:
        return read_sampled(database, stores.layout, run or reef.run, reef.pipeline.dataset.taxa)


def designs(reef):
    return read_designs(reef.pipeline.stores.results, reef.pipeline.stores.layout)


TOOLS = {
    "coco": tools.coco,
    "cvat": lambda out, truth: tools.coco(out, truth, "annotations/instances_default.json"),
    "fiftyone": lambda out, truth: tools.coco(out, truth, "labels.json", "data"),
    "label-studio": tools.label_studio,
    "megadetector": tools.megadetector,
    "megadetector, Timelapse": tools.timelapse,
    "biigle": tools.biigle,
    "coco, back as YOLO": tools.yolo,
}


@pytest.fixture
def session(reef):
    """One session for many hand-outs and takings: each command opens one of its own."""
    with open_database(reef.pipeline.stores.results) as database:
        yield database


def take(session, reef, *paths):
    layout, taxa = reef.pipeline.stores.layout, reef.pipeline.dataset.taxa
    return list(describe(take_labels(session, layout, reef.run, paths, Bringing(), taxa=taxa)))


def hand_out_for(session, reef, tool, out):
    (design,) = designs(reef)
    view_frame(session, reef.run, {})
    return hand_out(session, reef.pipeline.stores.source, reef.run, design, kind=find_list(tool), to=out)


def test_labels_come_back_as_they_were_given_through_each_tool(reef, sample, session, tmp_path):
    """One sample, written for each tool; what a tool brings back takes the place of what the one before it brought."""
    sample(tmp_path / "drawn", "-n", 30)
    counts = counts_of(tmp_path / "drawn")
    stores = reef.pipeline.stores
    for tool, person in TOOLS.items():
        out = tmp_path / tool
        assert hand_out_for(session, reef, tool.partition(",")[0], out).pictures == len(counts), tool
        assert all(path.read_bytes() == key.replace("copy/", "").encode() for key, path in pictures(out)), tool
        back = person(out, truth_of(out))
        if tool in {"cvat", "fiftyone"}:  # other folders, and the same file
            assert json.loads(back.read_text()) == json.loads((tmp_path / "coco/back.json").read_text())
            continue
        said = "\n".join(take(session, reef, *(back if isinstance(back, list) else [back])))
        assert f": {len(counts)} images," in said, tool
        assert f"{len(counts)} of {len(counts)} images labelled" in said, tool
        assert re.search("no taxon of the dataset, kept and not used until taxa names them: .*sea hare \\(", said), tool
        found = read_sampled(session, stores.layout, reef.run, reef.pipeline.dataset.taxa)
        assert {
            key: {taxon: int(found.images.labelled[taxon][place]) for taxon in TAXA}
            for place, key in enumerate(found.keys)
        } == counts, tool
        assert (found.passed_over, found.to_come, found.not_blind) == (0, 0, 0), tool
        stores.results.delete(stores.results.list_keys(stores.layout.evidence("labels")))


def pictures(out):
    folder = "data" if (out / "data").is_dir() else "images"
    return [(one["key"], out / folder / one["name"]) for one in handed(out)]


def test_a_sample_grows_and_no_image_is_handed_out_twice(reef, sample, labels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, said = sample("a", "-n", 20)
    assert "written  a: 2" in said
    first = {one["key"] for one in handed(tmp_path / "a")}
    _, again = sample(tmp_path / "a", "-n", 20)
    assert "as it was drawn before" in again
    sample(tmp_path / "b", "-n", 45, "--stratify", "camera,month", "--allocation", "equal")
    second = {one["key"] for one in handed(tmp_path / "b")}
    assert second
    assert not first & second
    used = {design.name for design in designs(reef)}
    _, nothing = sample(tmp_path / "c", "-n", 15)
    assert "nothing to label: earlier samples have handed out all of its images" in nothing
    (unused,) = {design.name for design in designs(reef)} - used
    labels(tools.coco(tmp_path / "a", truth_of(tmp_path / "a")))
    assert set(sampled(reef).keys) == first, "the second one has not begun, and makes no probability greater"
    labels(tools.coco(tmp_path / "b", truth_of(tmp_path / "b")))
    found = sampled(reef)
    assert set(found.keys) == first | second
    # Samples of one second are in no order of their own.
    groups = [group for design in designs(reef) for group in design.json["groups"] if design.name != unused]
    (alike,) = {group["probability"] for group in groups if not group["stratum"]}
    by_stratum = {tuple(group["stratum"]): group["probability"] for group in groups if group["stratum"]}
    expected = [max(alike, by_stratum[camera, "2026-06"]) for camera in found.images.camera]
    assert found.images.probability.tolist() == pytest.approx(expected)


def test_once_labels_tell_of_errors_images_in_doubt_are_drawn_more_often(reef, sample, labels, tmp_path):
    sample(tmp_path / "pilot", "-n", 66)
    rows = {one["name"]: one["key"] for one in handed(tmp_path / "pilot")}
    truth = truth_of(tmp_path / "pilot")
    labels(tools.coco(tmp_path / "pilot", {name: truth[name] for name in rows}))
    _, said = sample(tmp_path / "more", "-n", 40, "--for", "coris JULIS")
    if "all images of a stratum alike" in said:
        pytest.fail("66 labels are 30 in each half")
    assert "by the error expected from earlier labels" in said
    (design,) = [one for one in designs(reef) if one.json["pilot"]]
    probabilities = {(group["half"], group["cell"]): group["probability"] for group in design.json["groups"]}
    assert len(set(probabilities.values())) > 2
    assert min(probabilities.values()) > 0
    assert sum(group["images"] * group["probability"] for group in design.json["groups"]) == pytest.approx(40)
    assert design.json["taxon"] == "Coris julis"
    assert design.json["pilot"]["images"] == 66


def test_whoever_stops_half_way_has_labelled_a_smaller_sample(reef, sample, labels, tmp_path):
    sample(tmp_path / "out", "-n", 40, "--format", "label-studio", "--with-predictions")
    names = [one["name"] for one in handed(tmp_path / "out")]
    back = tools.label_studio(tmp_path / "out", truth_of(tmp_path / "out"))
    tasks = json.loads(back.read_text())
    for task in tasks[:25]:
        task["annotations"][0]["completed_by"] = 1
    passed_over = next(task for task in tasks[:20] if task["predictions"][0]["result"])
    for task in [passed_over, *tasks[25:]]:
        task["annotations"] = []
    back.write_text(json.dumps(tasks))
    _, said = labels(back)
    assert f"{len(names) - 24} without a word are taken for not looked at" in said
    assert "24 are of people whom the file names by a number" in said
    found = sampled(reef)
    assert (len(found.keys), found.passed_over, found.to_come) == (24, 1, len(names) - 25)
    (probability,) = set(found.images.probability)
    assert 20 / 66 * 0.5 < probability < 40 / 66, "as if so many had been drawn"


def test_labels_behind_images_that_nobody_has_labelled_wait_for_them_unless_these_are_gone(
    reef, sample, labels, tmp_path
):
    sample(tmp_path / "out", "-n", 66, "--format", "label-studio")
    keys = {one["name"]: one["key"] for one in handed(tmp_path / "out")}
    back = tools.label_studio(tmp_path / "out", truth_of(tmp_path / "out"))
    tasks = json.loads(back.read_text())
    for task in tasks:
        if keys[task["data"]["shoal_image"]][:2] != "A/":
            task["annotations"] = []
    back.write_text(json.dumps(tasks))
    labels(back)
    of_a = sum(key[:2] == "A/" for key in keys.values())
    whole = sampled(reef)
    assert (len(whole.keys), whole.unused) == (0, of_a)
    assert whole.to_come + whole.passed_over == 66 - of_a
    said = "\n".join(tell_left_out(whole, "demo"))
    assert re.search(f"{whole.unused} labels are not used, as [0-9]+ images before them in the order have none", said)
    stores = reef.pipeline.stores
    with pytest.raises(NoLabelsError, match="28 labels are not used, as 34"):
        need_labels(whole, "reef", "demo")
    plan = reef.pipeline.plan(prefix="A/")
    reef.pipeline.summarize(plan)
    found = sampled(reef, find_run(stores.results, stores.layout, plan.run_key))
    assert (len(found.keys), found.passed_over, found.to_come, found.unused) == (of_a, 0, 0, 0)


def test_what_two_people_say_is_compared_and_the_first_one_s_word_counts(reef, sample, labels, tmp_path):
    _, said = labels(by_key(reef, tmp_path / "old.json"), "--by", "aaron")
    assert "66 were drawn by no sample: models may learn from them, no estimate is made of them" in said
    sample(tmp_path / "out", "-n", 40)
    assert sampled(reef).keys == ()
    truth = truth_of(tmp_path / "out")
    second = json.loads((tmp_path / "out/coco.second.json").read_text())
    assert {one["file_name"] for one in second["images"]} == {
        one["name"] for one in handed(tmp_path / "out") if one["for_two"] == "True"
    }
    labels(tools.coco(tmp_path / "out", {name: ["Coris julis"] for name in truth}))
    labels(tools.coco(tmp_path / "out", truth), "--by", "ana")
    other = {name: [] if "Chromis chromis" in seen else seen for name, seen in truth.items()}
    _, said = labels(tools.coco(tmp_path / "out", other), "--by", "bea")
    share = sum("Chromis chromis" not in seen for seen in truth.values()) / len(truth)
    assert f"two people, Chromis chromis: equal counts in {share:.0%} of {len(truth)} images, kappa 0.00" in said
    assert f"two people, Coris julis: equal counts in 100% of {len(truth)} images, kappa 1.00" in said
    assert sampled(reef).images.labelled["Chromis chromis"].sum() == sum(
        seen.count("Chromis chromis") for seen in truth.values()
    )
    labels(tools.coco(tmp_path / "out", {name: ["Coris julis"] for name in truth}), "--by", "ana")
    assert set(sampled(reef).images.labelled["Coris julis"]) == {1}, (
        "a person's newest word takes the place of the earlier one"
    )


def by_key(reef, path):
    """Write what somebody saw in all images before a sample was drawn: everywhere three of a taxon."""
    with open_database(reef.pipeline.stores.results) as database:
        view_frame(database, reef.run, {})
        keys = [key for (key,) in database.run("SELECT key FROM frame").fetchall()]
    found = {
        "images": [{"id": place, "file_name": key} for place, key in enumerate(keys)],
        "categories": [{"id": 1, "name": "Chromis chromis"}],
        "annotations": [
            {"id": 0, "image_id": place, "category_id": 1, "bbox": [1, 1, 9, 9]}
            for place in range(len(keys))
            for _ in "123"
        ],
    }
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def test_images_with_people_are_drawn_by_nobody_and_in_no_sum(reef, tmp_path, monkeypatch, capsys):
    taxa = {**reef.pipeline.dataset.model_dump(mode="json")["taxa"], "Coris julis": {"role": "human"}}
    reef = replace(reef, pipeline=reef.pipeline.with_settings(taxa=taxa))
    _, said = ask_sample(monkeypatch, capsys)(reef.pipeline, str(tmp_path / "out"), "-n", "66", "--with-predictions")
    found = sampled(reef)
    assert f"left out because they show people: {found.people} images" in said
    assert 0 < found.people < 66
    assert len(handed(tmp_path / "out")) == 66 - found.people == found.frame.images
    coco = json.loads((tmp_path / "out/coco.json").read_text())
    assert coco["annotations"]
    assert not coco["info"]["blind"]
    take_back = ask_labels(monkeypatch, capsys)
    with pytest.raises(
        ConfigError, match=r"have boxes that may be the model's, .* looked at, and say so: --all-looked-at"
    ):
        take_back(reef.pipeline, str(tmp_path / "out/coco.json"))
    shown = {one["image_id"] for one in coco["annotations"]}
    for one in coco["annotations"]:
        del one["score"]  # as CVAT does
    coco["annotations"] += [{**coco["annotations"][0], "image_id": 1, "category_id": len(coco["categories"])}]
    (tmp_path / "half.json").write_text(json.dumps(coco))
    _, said = take_back(reef.pipeline, str(tmp_path / "half.json"))
    assert re.search(": 1 images?, ", said), "one was called nothing; whether somebody looked at others nobody knows"
    assert f"{len(shown - {1})} have boxes that may be the model's, and are taken for not looked at" in said
    back = tools.coco(tmp_path / "out", truth_of(tmp_path / "out"))
    take_back(reef.pipeline, str(back), "--all-looked-at")
    after = sampled(reef)
    assert after.not_blind == len(after.keys)
    assert {taxon: int(after.images.predicted[taxon].sum()) for taxon in TAXA} == dict(after.frame.predicted)


def test_a_version_is_judged_on_days_alone_that_it_has_not_learnt_from(reef, sample, labels, tmp_path):
    sample(tmp_path / "out", "-n", 66)
    truth = {name: [one for one in seen if one != "sea hare"] for name, seen in truth_of(tmp_path / "out").items()}
    labels(tools.coco(tmp_path / "out", truth))
    _, said = labels("--training", tmp_path / "learn")
    name = said.split()[2].rstrip(":")
    learnt = [path.stem for path in (tmp_path / "learn/labels").rglob("*.txt")]
    assert learnt
    assert "labelled images of days that are kept for judging" in said, said
    boxes = sum(len(path.read_text().splitlines()) for path in (tmp_path / "learn/labels").rglob("*.txt"))
    of_coco = [json.loads((tmp_path / f"learn/coco-{part}.json").read_text()) for part in ("train", "val")]
    assert sum(len(one["annotations"]) for one in of_coco) == boxes
    keys = {one["name"][6:22]: one["key"] for one in handed(tmp_path / "out")}
    days = {keys[mark].split("/")[-1][:8] for mark in learnt}
    whole = sampled(reef)
    assert whole.frame.images == len(whole.keys) == reef.run.summary.uses["used"] == 66, (
        "nobody has said who learnt from it"
    )
    assert dict(whole.frame.predicted) == reef.counted
    assert {taxon: int(counts.sum()) for taxon, counts in whole.images.predicted.items()} == reef.counted
    assert dict(whole.frame.predicted_in) == {one["taxon"]: one["images_with"] for one in reef.result["species"]}
    assert set(whole.images.probability) == {1.0}
    labels("--trained", "v1", "--set", name)
    found = sampled(reef)
    assert not days & {key.split("/")[-1][:8] for key in found.keys}
    assert found.of_training == 66 - found.frame.images == 66 - len(found.keys) > 0
    plan = reef.run.plan
    second = replace(plan, model=replace(plan.model, version="v9"), then=StoredThen(plan.model, plan.names, 1))
    assert sampled(reef, replace(reef.run, plan=second)).of_training == found.of_training
    assert {taxon: int(found.images.predicted[taxon].sum()) for taxon in TAXA} == dict(found.frame.predicted)


def test_boxes_of_smaller_pictures_lie_where_they_are_in_the_image(reef, session, tmp_path):
    sizes = ({"width": 320, "height": 240}, {"width": 480, "height": 640}, {"width": 640, "height": 480}, {})
    keys = sorted(plain_keys())[: len(sizes)]
    found = {
        "images": [{"id": number, "file_name": key, **sizes[number]} for number, key in enumerate(keys)],
        "categories": [{"id": 1, "name": "Coris julis"}],
        "annotations": [{"image_id": place, "category_id": 1, "bbox": [10, 20, 30, 40]} for place in range(len(keys))],
    }
    (tmp_path / "back.json").write_text(json.dumps(found))
    assert "1 have boxes of a picture of another shape" in "\n".join(take(session, reef, tmp_path / "back.json"))
    rows = session.run("SELECT key, individuals, x1, y1, x2, y2 FROM words WHERE position >= 0 ORDER BY key").fetchall()
    places = ((20, 40, 80, 120), (None,) * 4, (10, 20, 40, 60), (10, 20, 40, 60))
    assert rows == [(key, 1, *place) for key, place in zip(keys, places, strict=True)]


def biigle_report(path, lines, first="annotation_label_id"):
    """Of Ana's: lines of a file name and a label."""
    rows = [(number, "Ana", "Prat", *line) for number, line in enumerate(lines, 1)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([(first, "firstname", "lastname", "filename", "label_name"), *rows])
    return path


def test_reports_of_one_person_are_one_word_and_later_ones_take_the_place_of_earlier_ones(reef, session, tmp_path):
    first, second, third = sorted(plain_keys())[:3]
    week1 = biigle_report(tmp_path / "1.csv", [(first, "Coris julis"), (first, "Coris julis"), (second, "Coris julis")])
    week2 = biigle_report(tmp_path / "2.csv", [(first, "Coris julis"), (first, "Chromis chromis")])
    whole = biigle_report(tmp_path / "3.csv", [(first, "low visibility"), (third, "nothing")], "image_label_id")

    def counts():
        rows = session.run("SELECT key, taxon, individuals FROM labelled ORDER BY ALL").fetchall()
        return {key: {taxon: number for of, taxon, number in rows if of == key} for key in (first, second, third)}

    said = "\n".join(take(session, reef, week1, whole, week2))
    assert "1 were there twice of one person: the last word counts" in said
    newest = {first: {"Chromis chromis": 1, "Coris julis": 1}, second: {"Coris julis": 1}, third: {}}
    assert counts() == newest
    assert session.run("SELECT count(*) FROM words WHERE label = 'low visibility'").fetchone() == (1,), "both reports"
    biigle_report(whole, [(second, "low visibility"), (third, "nothing")], "image_label_id")
    said = "\n".join(take(session, reef, whole))
    assert ": 1 image, " in said
    assert "1 have annotations of the same person, which labels of whole images alone do not take the place of" in said
    assert counts() == newest
    biigle_report(whole, [(second, "low visibility")], "image_label_id")
    with pytest.raises(ConfigError, match=r"1 have annotations of the same person, .* bring both of BIIGLE's reports"):
        take(session, reef, whole)


def cut_off(out):
    path = tools.coco(out, truth_of(out))
    path.write_text(path.read_text()[:-200])
    return path


def cut_csv(out):
    path = tools.timelapse(out, truth_of(out))
    path.write_text(path.read_text()[:-3])
    return path


def no_count(out):
    path = tools.timelapse(out, truth_of(out))
    path.write_text(path.read_text().replace("Chromis chromis", "cells").replace("DeleteFlag", "chromis chromis"))
    return path


def of_others(out):
    path = tools.coco(out, truth_of(out))
    found = json.loads(path.read_text())
    for image in found["images"]:
        image["file_name"] = f"other-{image['id']}.jpg"
    path.write_text(json.dumps(found))
    return path


def as_handed_out(out):
    return out / "coco.json"


def with_scores(out):
    folder = tools.yolo(out, truth_of(out))
    first = next(path for path in sorted((folder / "labels").iterdir()) if path.read_text())
    first.write_text(first.read_text().replace("\n", " 0.9\n"))
    return folder


def of_no_format(out):
    return out / "images.csv"


def empty(out):
    path = out / "empty.json"
    path.write_text("", encoding="utf-8")
    return path


def twice(out):
    path = tools.coco(out, truth_of(out))
    found = json.loads(path.read_text())
    found["images"].append(found["images"][0])
    path.write_text(json.dumps(found))
    return path


BROKEN = {
    "half a file": (cut_off, "is no whole JSON at line .*: it may be cut off"),
    "half a table": (cut_csv, "line .* has .* cells: it may be cut off"),
    "a counter that is none": (no_count, "chromis chromis is 'false', no count - write a whole number"),
    "labels of another dataset": (of_others, "No label taken of .* none is of the dataset, such as other-1.jpg"),
    "as it was handed out": (
        as_handed_out,
        "does not tell empty images from those nobody looked at - .*--all-looked-at",
    ),
    "what a model says": (with_scores, "has a score behind its box: it is what a model says"),
    "another table": (
        of_no_format,
        "is of none of the formats of labels .* - name the file that the labelling tool exported",
    ),
    "an empty file": (empty, "is empty - export it again, whole"),
    "a folder of pictures": (lambda out: out / "images", "is no folder of YOLO's labels, .* - name the file"),
    "an image twice": (twice, "two images have the same id"),
    "no file": (lambda out: out / "gone.json", "cannot be read: No such file"),
}


def test_labels_that_are_not_right_are_one_line_and_none_of_them_is_stored(reef, sample, session, tmp_path):
    out = tmp_path / "out"
    sample(out, "-n", 66)
    hand_out_for(session, reef, "megadetector", out)
    for bring, message in BROKEN.values():
        sound = (out / "coco.json").read_text()
        with pytest.raises(ConfigError, match=message):
            take(session, reef, bring(out))
        (out / "coco.json").write_text(sound)
    assert not reef.pipeline.stores.results.list_keys(reef.pipeline.stores.layout.evidence("labels"))


def test_all_empty_labels_are_taken_where_a_person_says_so_and_said(reef, sample, labels, tmp_path):
    sample(tmp_path / "out", "-n", 30)
    _, said = labels(tmp_path / "out/coco.json", "--all-looked-at")
    assert "all of them are empty: if the boxes were lost on the way" in said
    assert sum(counts.sum() for counts in sampled(reef).images.labelled.values()) == 0
    _, again = labels(tmp_path / "out/coco.json", "--all-looked-at")
    assert "taken before: nothing is new" in again


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["-n", "3"], "-n 3 labels - ask for 10 to 50000", id="too few"),
        pytest.param(["--stratify", "camera,moon"], "'moon' not understood - any of camera, month, hour", id="no such stratum"),
        pytest.param(["--for", "Cod"], "'Cod': the dataset counts no such taxon - there are: Chromis chromis", id="no such taxon"),
        pytest.param(["--format", "biigle", "--with-predictions"], "biigle takes no boxes of others", id="predictions where none can be"),
        pytest.param(["--again", "0123"], "No sample '0123' of dataset reef", id="no such sample"),
    ],
)  # fmt: skip
def test_a_sample_that_cannot_be_drawn_is_one_line(reef, sample, tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        sample(tmp_path / "out", *words)
    assert designs(reef) == []
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_among_the_images(reef, tmp_path, monkeypatch, capsys):
    dataset = reef.pipeline.dataset
    source = dataset.source.model_copy(update={"path": str(tmp_path)})
    pipeline = replace(reef.pipeline, dataset=dataset.model_copy(update={"source": source}))
    for ask, words in ((ask_sample, ()), (ask_labels, ("--training",))):
        with pytest.raises(ConfigError, match="/out lies among the images of dataset reef - name another place"):
            ask(monkeypatch, capsys)(pipeline, *words, str(tmp_path / "out"))


def test_a_sample_that_was_changed_after_it_was_stored_is_refused(reef, sample, tmp_path):
    sample(tmp_path / "out", "-n", 30)
    results, layout = reef.pipeline.stores.results, reef.pipeline.stores.layout
    key = next(key for key in results.list_keys(layout.evidence("samples")) if key.endswith(".json"))
    results.write_bytes(key, results.read_bytes(key).replace(b'"n": 30', b'"n": 29'))
    with pytest.raises(ContractError, match="was changed after it was written"):
        sample(tmp_path / "other", "-n", 30)


def test_a_file_is_new_again_where_images_of_it_came_since(reef, session, tmp_path):
    plan = reef.pipeline.plan(prefix="A/")
    reef.pipeline.summarize(plan)
    stores, old = reef.pipeline.stores, by_key(reef, tmp_path / "old.json")
    before = replace(reef, run=find_run(stores.results, stores.layout, plan.run_key))
    assert "28 images, 84 individuals" in take(session, before, old)[0]
    for now, said in ((before, "taken before"), (reef, ": 66 images, 198 individuals"), (reef, "taken before")):
        assert said in take(session, now, old)[0]


def test_the_right_file_brought_again_takes_the_place_of_a_wrong_one(reef, session, tmp_path):
    right, wrong = by_key(reef, tmp_path / "right.json"), tmp_path / "wrong.json"
    said = json.loads(right.read_text())
    del said["annotations"][:2]  # of three of one image
    wrong.write_text(json.dumps(said))

    def individuals():
        return session.value("SELECT sum(individuals) FROM labelled")

    seen = []
    for path in (right, wrong, right, right):
        again = "taken before" in take(session, reef, path)[0]
        seen.append((again, individuals()))
    assert seen == [(False, 198), (False, 196), (False, 198), (True, 198)]


def test_images_that_no_sample_could_have_drawn_are_in_no_sum(reef, sample, labels, tmp_path):
    """As those that came after it; the sample's own run may be gone: it holds itself who could be drawn."""
    plan = reef.pipeline.plan(prefix="A/")
    reef.pipeline.summarize(plan)
    sample(tmp_path / "out", "-n", 66, "--at", plan.run_key)
    keys = {one["key"] for one in handed(tmp_path / "out")}
    assert {key[:2] for key in keys} == {"A/"}
    labels(tools.coco(tmp_path / "out", truth_of(tmp_path / "out")))
    found = sampled(reef)
    assert set(found.keys) == keys
    assert (found.frame.images, found.not_drawable) == (len(keys), 66 - len(keys))
    assert {taxon: int(found.images.predicted[taxon].sum()) for taxon in TAXA} == dict(found.frame.predicted)
    assert "the last sample that was drawn - draw again" in tell_left_out(found, "fish v1")[0]
    sample(tmp_path / "more", "-n", 66)
    assert "that anybody labelled - label what was drawn since" in tell_left_out(sampled(reef), "fish v1")[0]


def test_where_no_image_has_a_time_each_command_says_that_and_the_way_out(demo_models, tmp_path, monkeypatch, capsys):
    why = "the answer counts no image, as 2 images have no usable time - say in clock how names tell it: "
    images = {f"A/{name}.jpg": {"detections": []} for name in "12"}
    with published_task(tmp_path / "reef", demo_models["v1"], "detect", images) as reef:
        for ask, *words in (
            (ask_sample, str(tmp_path / "out")),
            (ask_reviewer, "--html", str(tmp_path / "page.html"), "--taxon", "Coris julis"),
        ):
            with pytest.raises(
                ConfigError, match=f"^No image can be drawn: {why}python -m shoal clock reef --propose$"
            ):
                ask(monkeypatch, capsys)(reef.pipeline, *words)
        for ask in (ask_health, ask_repeats):
            assert why in ask(monkeypatch, capsys)(reef.pipeline)[1]


def test_the_validator_of_the_field_takes_what_is_handed_out(reef, sample, tmp_path):
    sample(tmp_path / "out", "-n", 66, "--format", "megadetector", "--with-predictions")
    read = open_with("megadetector", tmp_path / "out/images")
    assert (read["errors"], read["images"], read["failed"]) == ([], 66, [])
    assert read["counts"] == reef.counted
