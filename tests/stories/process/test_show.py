"""`show`: pictures of an answer as a person asks for them, and those that nobody gets."""

import io
import re
from dataclasses import replace

import pytest
from PIL import Image

from pipeline import make_pipeline
from shoal.answers.shown import ShownAnswer
from shoal.contract.errors import ConfigError
from shoal.settings.analysis import Taxon
from shoal.tables.session import open_database
from show_command import ask_show, ask_taxa

FISH = ("Chromis chromis", "Coris julis", "Diplodus vulgaris")


@pytest.fixture(scope="module")
def answered(store, demo_models, scenes, tmp_path_factory):
    """A dataset with ten scenes and half an image, its run, and the scenes by key; its images are left as they are."""
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path_factory.mktemp("show"))
    chosen = [scene for scene in scenes if "0602-" in scene.key and len({fish.species for fish in scene.fish}) > 1][:10]
    pipeline.put_scenes(chosen)
    pipeline.put("IPC608/20260603-010000-IPC608.jpg", chosen[0].jpeg[:5000])
    return pipeline, pipeline.run(), {scene.key: scene for scene in chosen}


@pytest.fixture
def show(monkeypatch, capsys, tmp_path):
    """Runs the command in an empty folder; gives its status and what it printed."""
    monkeypatch.chdir(tmp_path)
    return ask_show(monkeypatch, capsys)


def test_an_image_is_drawn_with_its_boxes_and_told_in_words(answered, show, tmp_path):
    pipeline, _, scenes = answered
    key, scene = next(iter(scenes.items()))
    status, printed = show(pipeline, key)
    assert status == 0
    boxes = re.findall(r"(?m)^  (0\.\d\d)  ([\w ]+) \(class \d\)  \((\d+), (\d+)\) to \((\d+), (\d+)\)$", printed)
    assert sorted(name for _, name, *_ in boxes) == sorted(fish.species for fish in scene.fish)
    assert [score for score, *_ in boxes] == sorted((score for score, *_ in boxes), reverse=True)
    assert re.search(r"(?m)^2026-06-02T\d\d:00:00Z, camera IPC608, 1280x720 px, used$", printed)
    (written,) = tmp_path.iterdir()
    assert printed.endswith(f"written  {written.name}\n")
    assert Image.open(written).size == (1280, 720)
    whole = written.read_bytes()
    show(pipeline, f"s3://{pipeline.stores.source.bucket}/{key}", "-o", "other.jpg")
    assert (tmp_path / "other.jpg").read_bytes() == whole, "the same answer and bytes are the same picture"
    assert "--below" not in printed
    assert show(pipeline, key, "--below", "-o", "below.JPG")[1].count("\n") >= printed.count("\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["nothing.jpg"], "No image 'nothing.jpg' among the 11 that run .* examined", id="unknown"),
        pytest.param(["IPC608/20260602-080000-IPC609.jpg"], "did you mean 'IPC608/20260602-080000-IPC608.jpg'", id="a slip of the pen"),
        pytest.param(["0000-IPC608.jpg"], r"Several images of run .* end in '0000-IPC608.jpg': .*, … - write more", id="an ending of several"),
        pytest.param([""], "write a KEY or --grid 5x5", id="an empty key"),
        pytest.param([], "write a KEY or --grid 5x5", id="neither image nor sheet"),
        pytest.param(["a.jpg", "--grid", "2x2"], "write a KEY or --grid 5x5", id="both"),
        pytest.param(["a.jpg", "--taxon", "x"], "pick images for a contact sheet", id="a taxon of one image"),
        pytest.param(["20260603-010000-IPC608.jpg"], r"No picture of .*: truncated: .*; the run could not use it either \(truncated\)", id="failed"),
        pytest.param(["a.jpg", "-o", "a.png"], "-o a.png: pictures are JPEGs - write a name that ends in .jpg", id="PNG"),
        pytest.param(["20260602-080000-IPC608.jpg", "-o", "no/folder.jpg"], "no/folder.jpg cannot be written: No such file", id="no folder"),
        pytest.param(["--grid", "2x2", "--taxon", "Homo"], "No taxon 'Homo' in this answer - there are: ", id="no such taxon"),
        pytest.param(["--grid", "2x2", "--where", "taxon=Coris julis"], "write --taxon", id="a taxon as part of the answer"),
        pytest.param(["--grid", "2x2", "--where", "from=2030-01-01"], "No image of all taxa to show in this part", id="no time"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_one_line(answered, show, words, said):
    with pytest.raises(ConfigError, match=said) as raised:
        show(answered[0], *words)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_there_stays(answered, show, tmp_path):
    (tmp_path / "mine.jpg").write_text("mine")
    with pytest.raises(ConfigError, match=r"mine\.jpg is there already - write another name"):
        show(answered[0], "20260602-080000-IPC608.jpg", "-o", "mine.jpg")
    assert (tmp_path / "mine.jpg").read_text() == "mine"


@pytest.mark.parametrize("order", ["score", "doubt", "date"])
def test_a_sheet_is_in_the_order_asked_for(answered, show, tmp_path, order, monkeypatch):
    pipeline, _, scenes = answered
    seen = []
    monkeypatch.setattr("shoal.cli.show.sheet", lambda drawn, *_: seen.extend(drawn) or b"a sheet")
    status, printed = show(pipeline, "--grid", "3x2", "--taxon", "Chromis chromis", "--order", order)
    having = {key for key, scene in scenes.items() if "Chromis chromis" in {fish.species for fish in scene.fish}}
    assert status == 0
    assert printed.startswith(f"{min(6, len(having))} of {len(having)} images of Chromis chromis, by {order}\n")
    assert {one.drawing.key for one in seen} <= having
    assert all({box.label for box in one.drawing.boxes} == {"Chromis chromis"} for one in seen)
    first = [one.drawing.boxes[0].conf for one in seen]
    times = [one.drawing.caption.splitlines()[1].split(" · ")[0] for one in seen]
    expected = {"score": sorted(first, reverse=True), "doubt": sorted(first)}
    assert times == sorted(times, reverse=True) if order == "date" else first == expected[order]
    assert (tmp_path / f"{pipeline.dataset.name}-Chromis-chromis-{order}.jpg").read_bytes() == b"a sheet"


def test_a_sheet_is_a_picture(answered, show, tmp_path):
    pipeline, _, _ = answered
    assert show(pipeline, "--grid", "2x2", "--where", "camera=IPC608", "-o", "sheet.jpg")[0] == 0
    assert Image.open(io.BytesIO((tmp_path / "sheet.jpg").read_bytes())).size[0] == 2 * 330 + 10


def test_who_is_a_person_by_todays_dataset_file_is_shown_in_no_run(answered, show):
    """Every scene has two species, so the sheet of the other one is left with those that lack the person."""
    pipeline, _, scenes = answered
    today = pipeline.with_settings(taxa={"Coris julis": {"role": "human"}})
    with_people = {key for key, scene in scenes.items() if "Coris julis" in {fish.species for fish in scene.fish}}
    others = set(scenes) - with_people
    assert with_people
    assert others
    with pytest.raises(ConfigError, match="has a box of a class of role human in taxa: such images are never shown"):
        show(today, min(with_people))
    assert show(today, min(others))[0] == 0
    with pytest.raises(
        ConfigError, match=r"saw nothing of image .* \(truncated\), .* nobody knows whether it shows people"
    ):
        show(today, "20260603-010000-IPC608.jpg")
    printed = show(today, "--grid", "4x4")[1]
    left_out = int(re.search(r"left out because they show people: (\d+)", printed)[1])
    assert left_out >= len(with_people), "boxes below the threshold tell of people, too"
    assert printed.startswith(f"{len(scenes) - left_out} of {len(scenes) - left_out} images of all taxa")


def test_a_run_that_left_people_out_of_its_tables_shows_nothing(answered):
    _, done, _ = answered
    then = {**done.stored.result, "settings": {"taxa": {"Diver": {"role": "ignore"}}}}
    with open_database(None) as database:
        for taxa in (
            {"Diver": Taxon(role="human")},
            {"Diver": Taxon(merge_into="Person"), "Person": Taxon(role="human")},
        ):
            with pytest.raises(
                ConfigError, match=r"class 'Diver', now human, had role ignore: .* summarize \w+ --publish"
            ):
                ShownAnswer(database, replace(done.stored, result=then), taxa)


def test_an_image_that_is_gone_or_changed_since_says_so(answered, show):
    pipeline, _, scenes = answered
    first, second = list(scenes.values())[:2]
    try:
        pipeline.put(first.key, second.jpeg)
        pipeline.stores.source.delete([second.key])
        with pytest.raises(ConfigError, match=r"it has changed since the run looked at it: ETag \w+, listed \w+"):
            show(pipeline, first.key)
        with pytest.raises(ConfigError, match="it is gone from the bucket since the run looked at it"):
            show(pipeline, second.key)
        status, printed = show(pipeline, "--grid", "5x5")
        assert (status, printed.count("no picture of ")) == (0, 2)
    finally:
        pipeline.put_scenes([first, second])


def test_taxa_shows_classes_and_writes_the_lines_to_add(answered, monkeypatch, capsys):
    pipeline, _, _ = answered
    ask = ask_taxa(monkeypatch, capsys)
    said = pipeline.with_settings(
        taxa={
            "Coris julis": {"aphia_id": 126963, "vernacular": "rainbow wrasse", "mobility": "mobile"},
            "Diplodus vulgaris": {"aphia_id": 126963},
            "Diver": {"role": "human"},
        }
    )
    status, printed = ask(said)
    assert status == 1
    assert re.search(r"(?m)^Coris julis +Coris julis +126963 +- +rainbow wrasse +mobile +- +count$", printed)
    assert "Coris julis and Diplodus vulgaris have one AphiaID, 126963 - correct it" in printed
    assert "not among the model's classes: Diver" in printed
    assert "to add below taxa: in" in printed
    assert (
        "  Chromis chromis:\n    scientific_name: null  # Chromis chromis? To be checked; until then it counts as Chromis chromis\n    aphia_id: null"
        in printed
    )
    whole = {name: {"aphia_id": number} for number, name in enumerate(FISH, 127000)}
    assert ask(pipeline.with_settings(taxa=whole))[0] == 0


def test_a_run_counts_no_people_keeps_their_images_as_effort_and_infers_nothing_for_it(answered, show):
    """Stands last: this run becomes the dataset's answer."""
    pipeline, done, scenes = answered
    taxa = {
        "Coris julis": {"role": "human"},
        "Chromis chromis": {"vernacular": "damselfish", "mobility": "mobile", "parent": "Chromis", "gbif_key": 2397208},
    }
    later = pipeline.with_settings(taxa=taxa)
    plan = later.plan()
    assert (plan.reused, len(plan.work.shards)) == (11, 0), "a corrected taxon costs no inference"
    assert plan.variant.sha256 == done.stored.result["variant_sha256"]
    again = later.summarize(plan)
    assert again.stored.uses == done.stored.uses, "its images stay effort"
    assert {species["taxon"] for species in again.stored.result["species"]} == set(FISH) - {"Coris julis"}
    before = {species["taxon"]: species["detections"] for species in done.stored.result["species"]}
    after = {species["taxon"]: species["detections"] for species in again.stored.result["species"]}
    assert after == {name: count for name, count in before.items() if name != "Coris julis"}
    assert again.stored.result["settings"]["taxa"]["Chromis chromis"]["vernacular"] == "damselfish"
    assert "vernacular" not in again.stored.result["settings"]["taxa"]["Coris julis"]
    with open_database(pipeline.stores.results) as database:
        keys = [file.key for file in again.stored.tables if file.table == "detections"]
        database.view_parquet(
            "seen", keys, {"key": "VARCHAR", "object_version": "VARCHAR", "role": "VARCHAR", "class_name": "VARCHAR"}
        )
        assert database.run("SELECT DISTINCT role FROM seen WHERE class_name = 'Coris julis'").fetchall() == [
            ("human",)
        ]
    with_people = min(key for key, scene in scenes.items() if "Coris julis" in {fish.species for fish in scene.fish})
    with pytest.raises(ConfigError, match="such images are never shown"):  # whatever the dataset file says by then
        show(pipeline, with_people)
