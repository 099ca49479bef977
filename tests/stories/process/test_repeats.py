"""`repeats`: what stands in a picture for days is found, judged by a person, marked in the next answer, and told both ways."""

import hashlib
import io
import json
import time

import pytest
from PIL import Image

from pipeline import make_pipeline
from planted_boxes import write_boxes
from shoal.contract.errors import ConfigError, ContractError
from shoal.evidence.repeats.decisions import read_decisions
from shoal.results.stored_summary import StoredSummary
from shoal.tables.session import open_database
from show_command import ask_health, ask_repeats

ROCK, GROWN = "Diplodus vulgaris", "Coris julis"
HOURS = range(0, 24, 3)
STONE, HOME, FOOT = (100.0, 100.0, 180.0, 160.0), (300.0, 200.0, 360.0, 240.0), (500.0, 300.0, 560.0, 360.0)
TAXA = {GROWN: {"mobility": "sessile"}, ROCK: {"mobility": "mobile"}}


def moved(box, by):
    return tuple(edge + by for edge in box)


def planted():
    """Four days, eight images each: a stone in nearly all, a fish that comes home at noon, an anemone, and who passes by."""
    boxes = {}
    for number, (day, hour) in enumerate((day, hour) for day in range(1, 5) for hour in HOURS):
        found = [(2, 0.8, FOOT), (0, 0.4, moved((10.0, 300.0, 80.0, 350.0), 13 * number))]
        found += [(0, 0.7, moved(STONE, number % 3))] if number % 7 else []
        found += [(1, 0.9, moved(HOME, number % 2))] if hour == 12 else []
        boxes[f"IPC608/202606{day:02}-{hour:02}0000-IPC608.jpg"] = found
    return boxes


@pytest.fixture(scope="module")
def answered(store, demo_models, tmp_path_factory):
    """A dataset with those images and its answer."""
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path_factory.mktemp("repeats"))
    pipeline = pipeline.with_settings(taxa=TAXA)
    boxes, hashes = planted(), {}
    for number, key in enumerate(boxes):
        file = io.BytesIO()
        Image.new("RGB", (640, 480), (8 * number, 90, 120)).save(file, "JPEG")
        pipeline.put(key, file.getvalue())
        hashes[key] = hashlib.sha256(file.getvalue()).hexdigest()
    plan = pipeline.plan()
    as_sql = ", ".join(f"'{key}': '{sha256}'" for key, sha256 in hashes.items())
    write_boxes(pipeline, plan, boxes, content_sha256=f"(MAP {{{as_sql}}})[key]")
    pipeline.summarize(plan)
    return pipeline


@pytest.fixture
def repeats(monkeypatch, capsys, tmp_path):
    """Runs the command in an empty folder; gives what it printed."""
    monkeypatch.chdir(tmp_path)
    return lambda pipeline, *words: ask_repeats(monkeypatch, capsys)(pipeline, *words)[1]


def next_night(pipeline):
    """Plan with nothing new and summarize; give the summary."""
    return pipeline.summarize(pipeline.plan())


def test_a_stone_is_found_confirmed_marked_and_taken_back(answered, repeats, tmp_path):
    found = json.loads(repeats(answered, "--json", "--sheet", "sheet.jpg"))
    assert Image.open(tmp_path / "sheet.jpg").width > 5 * 160, "a row of five crops"
    [cluster] = found["clusters"]
    stones = sum(1 for number in range(32) if number % 7)
    assert (cluster["taxon"], cluster["boxes"], cluster["images"]) == (ROCK, stones, 31), (
        "from its first to its last image"
    )
    assert (cluster["state"], cluster["days"], cluster["camera"]) == ("open", 4, "IPC608")
    assert cluster["place"] == pytest.approx([101 / 640, 101 / 480, 181 / 640, 161 / 480], abs=0.002)
    assert (found["coming_back"], found["sessile_taxa"]) == (1, [GROWN]), (
        "who comes home at noon is told and not proposed"
    )
    assert found["taxa"] == [
        {"taxon": ROCK, "detections": 32 + stones, "confirmed": 0, "open": stones, "without_confirmed": 32 + stones, "without_both": 32}
    ]  # fmt: skip

    told = repeats(answered, "--confirm", cluster["id"], "--by", "Ana")
    assert "stands on 4 of 4 days, away for 3 h at most" in told
    [decision] = read_decisions(answered.stores.results, answered.stores.layout)
    assert (decision.by, decision.boxes) == ("Ana", stones)

    done = next_night(answered)
    assert done.stored.result["repeats"] == {
        "decisions": [decision.id],
        "taxa": [
            {"taxon": ROCK, "detections": 32 + stones, "repeats": stones, "detections_without": 32, "images_with": 32, "images_with_without": 32}
        ],
    }  # fmt: skip
    assert {one["taxon"]: one["detections"] for one in done.stored.result["species"]}[ROCK] == 32 + stones, "no filter"
    assert marked(answered, done.stored) == {decision.id: stones}
    directory = answered.stores.results.read_json(answered.stores.layout.current)["variant"]["directory"]
    assert answered.verify(done.stored.run_key, directory).deviations == ()
    assert "repeats" in repr(next_night(answered).stored.result), "a night without anything new says the same"

    again = json.loads(repeats(answered, "--json", "--reject", cluster["id"], "--by", "Ben"))
    assert [one["state"] for one in again["clusters"]] == ["animal"]
    assert marked(answered, next_night(answered).stored) == {}
    assert answered.verify(done.stored.run_key, directory).deviations == (), "with what people had said by then"


def test_what_was_confirmed_is_taken_back_also_where_nothing_is_proposed_any_more(answered, repeats):
    """As once somebody has said that the taxon grows in one place."""
    [cluster] = json.loads(repeats(answered, "--json"))["clusters"]
    found = json.loads(repeats(answered, "--json", "--confirm", cluster["id"], "--by", "Cai"))
    assert (found["clusters"][0]["state"], found["confirmed_before"]) == ("repeat", [])
    grown = answered.with_settings(taxa={name: {"mobility": "sessile"} for name in TAXA})
    found = json.loads(repeats(grown, "--json"))
    [before] = found["confirmed_before"]
    assert (found["clusters"], before["by"], before["boxes"]) == ([], "Cai", cluster["boxes"])
    assert "confirmed before, and of no cluster of this answer" in repeats(grown)
    time.sleep(1)  # decisions are told apart by the second
    assert json.loads(repeats(grown, "--json", "--reject", before["id"], "--by", "Dora"))["confirmed_before"] == []
    last = read_decisions(answered.stores.results, answered.stores.layout)[-1]
    assert (last.by, last.verdict, list(last.place.edges)) == ("Dora", "animal", before["place"])
    assert marked(answered, next_night(answered).stored) == {}


def marked(pipeline, summary: StoredSummary) -> dict[str, int]:
    """Count marked boxes of the table by decision."""
    keys = [file.key for file in summary.tables if file.table == "detections"]
    with open_database(pipeline.stores.results) as database:
        files = [database.uri(key) for key in keys]
        query = "SELECT repeat, count(*) FROM read_parquet(?) WHERE repeat IS NOT NULL GROUP BY 1"
        return dict(database.run(query, [files]).fetchall())


def test_nobody_who_is_a_person_is_on_the_sheet(answered, repeats):
    today = answered.with_settings(taxa={GROWN: {"role": "human"}})
    with pytest.raises(ConfigError, match="Every image of these clusters shows people, so none is shown"):
        repeats(today, "--sheet", "people.jpg")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--confirm", "12345678"], "A decision is told with who made it - add --by NAME", id="nobody says so"),
        pytest.param(["--confirm", "12345678", "--by", "Ana"], "No cluster 12345678 in the answer of run .* lists those of now", id="no such cluster"),
        pytest.param(["--confirm", "a", "--reject", "a", "--by", "Ana"], "a is confirmed and rejected", id="both"),
        pytest.param(["--sheet", "a.png"], "--sheet a.png: sheets are JPEGs", id="PNG"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_one_line(answered, repeats, words, said):
    with pytest.raises(ConfigError, match=said):
        repeats(answered, *words)


def test_a_decision_that_somebody_changed_is_not_believed(answered):
    results, layout = answered.stores.results, answered.stores.layout
    before = {key: results.find_json(key) for key in results.list_keys(layout.repeats)}
    key, stored = next(iter(before.items()))
    results.write_json(key, {**stored, "by": "Eve"})
    with pytest.raises(ContractError, match="was changed: its name is not that of its content - restore it"):
        read_decisions(results, layout)
    results.write_json(key, stored)


LUMA = "CASE WHEN key >= '{day}' AND substr(key, 17, 2) IN ('00', '03', '18', '21') THEN 8 ELSE 90 END + length(sha256(key)) % 3"


@pytest.fixture(scope="module")
def watched(store, demo_models, tmp_path_factory):
    """Twelve days of a camera whose lamps fail on the tenth; on the fifth its picture was frozen for fifteen hours."""
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path_factory.mktemp("health"))
    keys = [f"IPC608/202606{day:02}-{hour:02}0000-IPC608.jpg" for day in range(1, 13) for hour in HOURS]
    for key in keys:
        pipeline.put(key, key.encode())
    plan = pipeline.plan()
    frozen = "key BETWEEN 'IPC608/20260605-030000' AND 'IPC608/20260605-190000'"
    said = {
        "luma_mean": f"CASE WHEN {frozen} THEN 90 ELSE {LUMA.format(day='IPC608/20260610')} END",
        "sharpness": "50 + hash(key) % 7",
        "dhash": f"CASE WHEN {frozen} THEN 77::UBIGINT ELSE hash(key) & 255 END",
        "size_bytes": "size_bytes",
    }
    write_boxes(pipeline, plan, {}, **said)
    pipeline.summarize(plan)
    return pipeline


def test_lamps_that_fail_and_a_frozen_picture_are_told_with_pictures_of_them(watched, monkeypatch, capsys):
    run = ask_health(monkeypatch, capsys)
    frozen, lights = json.loads(run(watched, "--json")[1])["findings"]
    assert (frozen["trouble"], frozen["from"], frozen["to"], frozen["size"], frozen["unit"]) == (
        "frozen", "2026-06-05T03:00:00Z", "2026-06-05T18:00:00Z", 15.0, "hours",
    )  # fmt: skip
    assert (lights["trouble"], lights["from"], lights["to"]) == ("lights", "2026-06-10T00:00:00Z", None)
    assert lights["size"] == pytest.approx(82, abs=3)
    assert (lights["before"], lights["after"]) == (
        "IPC608/20260609-000000-IPC608.jpg",
        "IPC608/20260610-000000-IPC608.jpg",
    )
    told = run(watched)[1]
    assert "at 00-03, 03-06, 18-21, 21-24 h UTC brightness is below every day of the 9 before" in told
    assert "  before IPC608/20260609-000000-IPC608.jpg  after IPC608/20260610-000000-IPC608.jpg" in told
