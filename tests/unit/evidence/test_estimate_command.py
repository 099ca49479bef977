"""`estimate` as a person uses it: from a sample that came back labelled, and what it says where it cannot estimate."""

import csv
import json
from argparse import Namespace
from dataclasses import replace
from importlib import import_module

import pytest

from shoal.contract.errors import ConfigError
from shoal.evidence.estimates.make import NoLabelsError, need_labels
from shoal.evidence.label_state import read_label_state
from shoal.evidence.read_sampled import read_sampled
from shoal.evidence.review.design import Wish, draw_review
from shoal.evidence.review.published import Asked
from shoal.evidence.stored import list_names, store_json
from shoal.tables.session import open_database
from show_command import ask_estimate, ask_evaluate, ask_labels, ask_repeats, ask_sample
from written_tasks import published_task

TAXON = "Diplodus vulgaris"


@pytest.fixture
def ask(reef, monkeypatch, capsys):
    """Run a command on the reef; give what it said."""

    def run(command, *words):
        asking = {"sample": ask_sample, "labels": ask_labels, "estimate": ask_estimate}[command]
        return asking(monkeypatch, capsys)(reef.pipeline, *map(str, words))[1]

    return run


@pytest.fixture
def label(ask, tmp_path):
    """Draw so many images and label them: two of a taxon in every so manieth of those handed out, in the others nothing."""

    def run(n, every=3):
        ask("sample", tmp_path / "out", "-n", n)
        coco = json.loads((tmp_path / "out/coco.json").read_text(encoding="utf-8"))
        ids = {one["name"]: one["id"] for one in coco["categories"]}
        found = [
            (image["id"], ids[TAXON]) if every and place % every == 0 else (image["id"], ids["nothing"])
            for place, image in enumerate(coco["images"])
            for _ in range(2 if every and place % every == 0 else 1)
        ]
        coco["annotations"] = [
            {"id": number, "image_id": image, "category_id": category, "bbox": [1, 1, 9, 9]}
            for number, (image, category) in enumerate(found)
        ]
        (tmp_path / "back.json").write_text(json.dumps(coco), encoding="utf-8")
        ask("labels", tmp_path / "back.json", "--by", "ana")
        return len(coco["images"])

    return run


def test_from_no_sample_to_raw_and_corrected_side_by_side(ask, label, reef, tmp_path):
    with pytest.raises(
        NoLabelsError, match=r"No sample of dataset reef was drawn.* python -m shoal sample reef OUT -n 300"
    ):
        ask("estimate")
    ask("sample", tmp_path / "first", "-n", 40)
    with pytest.raises(NoLabelsError, match=r"Nobody has labelled an image .* python -m shoal labels reef FILE"):
        ask("estimate")
    with pytest.raises(ConfigError, match="--by 'depth' not understood - any of camera, month"):
        ask("estimate", "--by", "depth")
    reef.pipeline.stores.results.delete(
        reef.pipeline.stores.results.list_keys(reef.pipeline.stores.layout.evidence("samples"))
    )
    labels = label(40)
    told = json.loads(ask("estimate", "--json", "--by", "camera,month"))
    assert told["labels"] == labels
    stored = reef.pipeline.stores.results.read_json(
        reef.pipeline.stores.layout.evidence_file("estimates", told["estimate"], "json")
    )
    assert {"estimate": told["estimate"], **stored} == told
    by_name = {one["taxon"]: one for one in told["taxa"]}
    assert {name: one["total"]["raw"] for name, one in by_name.items()} == reef.counted
    seen = by_name[TAXON]
    assert seen["positives"] == -(-labels // 3)
    assert seen["total"]["how"] == "disagreements"
    assert seen["total"]["low"] < seen["images"] * 2 / 3 < seen["total"]["high"]
    unseen = by_name["Coris julis"]
    assert (unseen["total"]["how"], unseen["share"]["how"]) == ("none", "positives")
    assert 0 < unseen["share"]["high"] < 10
    assert [cell["taxa"] for cell in told["cells"]] == [[]] * 4
    said = ask("estimate", "--by", "camera,month")
    assert f"not estimable with {labels} labels" in said
    assert "left empty: fewer than 30 labels" in said
    assert "MaxN is not corrected" in said
    assert ask("estimate", "--by", "camera,month") == said


def test_all_images_labelled_are_counted_and_all_empty_is_no_error(ask, label):
    labels = label(66, every=0)
    told = json.loads(ask("estimate", "--json", "--by", "camera"))
    assert told["labels"] == told["images"] == labels
    for taxon in told["taxa"]:
        assert (taxon["total"]["how"], taxon["total"]["low"], taxon["total"]["high"]) == ("counted", 0, 0)
        assert taxon["total"]["bias"]["value"] == taxon["total"]["raw"]
    assert [cell["camera"] for cell in told["cells"]] == ["A", "B", "C", "D"]
    assert [bool(cell["taxa"]) for cell in told["cells"]] == [True] * 4
    assert f"people saw none of these taxa in {labels} labelled images, and the model does" in ask("estimate")


def test_a_reviewer_tests_what_an_estimate_says_with_its_interval(ask, label, reef):
    label(40)
    told = json.loads(ask("estimate", "--json"))
    stores, run, name = reef.pipeline.stores, reef.run, told["estimate"]

    def draw(taxon, number, estimate):
        with open_database(stores.results) as database:
            wish = Wish(Asked(taxon, number, estimate), 20)
            return draw_review(database, stores.layout, run, wish, reef.pipeline.dataset.taxa).published

    measured = next(one["total"] for one in told["taxa"] if one["taxon"] == TAXON)
    mean = draw(TAXON.upper(), "mean", name)
    assert (mean.value, mean.low, mean.high) == tuple(
        measured[end] for end in ("per_image", "per_image_low", "per_image_high")
    )
    assert (mean.estimate, mean.predicted) == (name, measured["raw"])
    assert draw(TAXON, "total", None).value == measured["raw"]
    with pytest.raises(ConfigError, match=r"tells no total of Coris julis: not estimable with \d+ labels"):
        draw("Coris julis", "total", name)
    with pytest.raises(
        ConfigError, match=r"--estimate answer: run reef/.* has no estimates.json - label images, or name"
    ):
        draw(TAXON, "mean", "answer")
    json_of = {**stores.results.read_json(stores.layout.evidence_file("estimates", name, "json")), "images": 7}
    other = store_json(stores.results, stores.layout, "estimates", json_of)
    with pytest.raises(ConfigError, match=r"is of 7 images, run reef/.* has 66 that can be drawn"):
        draw(TAXON, "mean", other)


def test_why_there_is_no_estimate_names_no_run_as_each_night_would_have_another_report(ask, label, reef, tmp_path):
    stores = reef.pipeline.stores
    ask("sample", tmp_path / "first", "-n", 20)
    first = list_names(stores.results, stores.layout, "samples")
    label(60)
    state = read_label_state(stores.results, stores.layout)
    with open_database(stores.results) as database:
        taxa, state = reef.pipeline.dataset.taxa, replace(state, samples=first)
        sampled = read_sampled(database, stores.layout, reef.run, taxa, state)
    with pytest.raises(NoLabelsError, match="counted by this answer") as why:
        need_labels(sampled, "reef", reef.run.plan.models)
    assert reef.run.run_key not in str(why.value)


@pytest.mark.parametrize("command", ["estimate", "evaluate"])
def test_without_numpy_it_says_what_to_install(command, monkeypatch):
    monkeypatch.setattr("shoal.cli._numpy.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=rf"^{command} needs numpy - install the worker extra: pip install"):
        import_module(f"shoal.cli.{command}").execute(Namespace())


def test_a_classifier_is_corrected_and_judged_by_images_alone(demo_models, tmp_path, monkeypatch, capsys):
    chromis, nothing = [0.1, 0.8, 0.1], [0.2, 0.2, 0.2]  # by the demo model's classes
    days = {f"A/202606{day:02}-120000-A.jpg": chromis if day % 2 else nothing for day in range(1, 25)}
    images = {key: {"class_scores": scores} for key, scores in days.items()}
    with published_task(tmp_path / "reef", demo_models["v1"], "classify", images) as reef:

        def run(command, *words):
            return command(monkeypatch, capsys)(reef.pipeline, *map(str, words))[1]

        run(ask_sample, tmp_path / "out", "-n", 24)
        coco = json.loads((tmp_path / "out/coco.json").read_text(encoding="utf-8"))
        ids = {one["name"]: one["id"] for one in coco["categories"]}
        keys = {
            row[0]: row[1]
            for row in csv.reader((tmp_path / "out/images.csv").read_text(encoding="utf-8").splitlines()[1:])
        }
        found = [  # two individuals in each image of it
            (image["id"], ids["Chromis chromis"] if days[keys[image["file_name"]]] == chromis else ids["nothing"])
            for image in coco["images"]
        ] * 2
        coco["annotations"] = [
            {"id": number, "image_id": image, "category_id": category, "bbox": [1 + number, 1, 9, 9]}
            for number, (image, category) in enumerate(found)
        ]
        (tmp_path / "back.json").write_text(json.dumps(coco), encoding="utf-8")
        assert "24 individuals" in run(ask_labels, tmp_path / "back.json", "--by", "ana")
        said = run(ask_estimate, "--by", "month")
        assert "individuals in" not in said
        assert "images with the taxon in parts of these images" in said
        [judged] = json.loads(run(ask_evaluate, "--json"))["versions"]
        [taxon] = [one for one in judged["taxa"] if one["taxon"] == "Chromis chromis"]
        assert taxon["individuals"]["recall"]["value"] == taxon["individuals"]["precision"]["value"] == 1
        assert "it classifies images as a whole" in run(ask_evaluate)
        assert "gives no boxes that could stand at one place" in run(ask_repeats)
