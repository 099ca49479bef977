"""Tables for camtrapR: days without work are NA, never 0; R reads them where it is installed."""

import csv
from collections import Counter

import pytest

from r_tables import read_with_r
from shoal.exports.camtrapr import CAMTRAPR


@pytest.fixture(scope="module")
def written(reef, tmp_path_factory):
    """The tables of the plain reef, and what they could not hold."""
    folder = tmp_path_factory.mktemp("camtrapr") / "package"
    return folder, reef.write(CAMTRAPR, folder).not_held


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def records(folder):
    header, *lines = rows(folder / "recordTable.csv")
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_the_records_count_what_the_summary_counts(reef, written):
    counts = Counter()
    for record in records(written[0]):
        counts[record["Species"]] += int(record["count"])
    assert counts == reef.counted
    assert written[1] == {"images without a capture time": 1}


def test_a_day_without_work_is_na_and_a_released_camera_has_the_share_of_the_day(written):
    """B began at two in the morning in Madrid; A's lens was overgrown on the whole 3rd, and until 14 o'clock of the 4th."""
    assert rows(written[0] / "cameraOperation.csv") == [
        ["", *(f"2026-06-0{day}" for day in range(1, 9))],
        ["A/pier", "1", "1", "NA", "1", "1", "1", "1", "1"],
        ["B/wreck", "NA", "0.916667", "1", "0.083333", "NA", "0.916667", "1", "0.833333"],
        ["C/nowhere", "1", "1", "1", "NA", "NA", "NA", "NA", "NA"],
        ["D/no deployment", "1", "1", "1", "NA", "NA", "NA", "NA", "NA"],
    ]


def test_a_day_on_which_a_camera_by_the_clock_did_not_work_is_na_though_it_took_images(reef, tmp_path):
    """Its boxes stay in the records and are counted in what the matrix cannot hold."""
    stays = [stay.model_dump(mode="json") for stay in reef.pipeline.dataset.deployments]
    stays[0]["not_working"] = [
        {"from": "2026-06-04T00:00:00", "to": "2026-06-05T12:00:00", "reason": "fogged"},
        {"from": "2026-06-05T12:00:00", "to": "2026-06-06T00:00:00", "reason": "overgrown"},
    ]
    answer = reef.answer()
    answer.plan.__dict__["settings"] = reef.pipeline.with_settings(deployments=stays).dataset
    try:
        not_held = reef.write(CAMTRAPR, tmp_path / "package").not_held
    finally:
        answer.plan.__dict__.pop("settings")
    assert rows(tmp_path / "package/cameraOperation.csv")[1] == ["A/pier", "1", "1", "NA", "NA", "NA", "1", "1", "1"], (
        "the 4th began two hours before the pause, and no image is of them"
    )
    of_day = sum(
        int(one["count"])
        for one in records(tmp_path / "package")
        if one["Camera"] == "A" and one["Date"] in {"2026-06-04", "2026-06-05"}
    )
    said = "detections on days on which a camera was not at work (in recordTable.csv, NA in cameraOperation.csv)"
    assert (not_held[said], of_day > 0) == (of_day, True)


def test_times_are_local_as_the_days_are(written):
    [first] = [one for one in records(written[0]) if one["FileName"] == "20260601-180000-A.jpg"][:1]
    assert (first["DateTimeOriginal"], first["Date"], first["Time"]) == (
        "2026-06-01 20:00:00",
        "2026-06-01",
        "20:00:00",
    )
    assert (first["Station"], first["Directory"]) == ("A/pier", "A")
    assert not [one for one in records(written[0]) if int(one["delta.time.secs"]) < 0]


def test_r_reads_the_tables(reef, written):
    read = read_with_r(written[0])
    assert read["counts"] == [reef.counted[taxon] for taxon in sorted(reef.counted)]
    assert (read["days"], read["stations"], read["numeric"], read["missing"], read["zeros"]) == (8, 4, True, 13, 0)
    assert (read["unknown"], read["undated"]) == (0, 0)
    assert read["at_work"] == pytest.approx(7 + 0.916667 + 1 + 0.083333 + 0.916667 + 1 + 0.833333 + 6)


def test_r_reads_hostile_names(hostile_reef, tmp_path):
    hostile_reef.write(CAMTRAPR, tmp_path / "package")
    read = read_with_r(tmp_path / "package")
    assert sorted(read["counts"]) == sorted(hostile_reef.counted.values())
    assert (read["stations"], read["unknown"], read["undated"]) == (17, 0, 0)


def test_r_finds_what_is_broken(written, tmp_path):
    for path in written[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    matrix = (tmp_path / "cameraOperation.csv").read_text(encoding="utf-8")
    (tmp_path / "cameraOperation.csv").write_text(
        matrix.replace("B/wreck", "wreck").replace(",NA", ',"none"'), encoding="utf-8"
    )
    with pytest.raises(AssertionError, match=r"non-numeric|invalid 'type'"):
        read_with_r(tmp_path)
    (tmp_path / "cameraOperation.csv").write_text(
        matrix.replace("B/wreck", "wreck").replace(",NA", ",0"), encoding="utf-8"
    )
    read = read_with_r(tmp_path)
    assert read["unknown"] > 0
    assert read["zeros"] == 13


def test_the_same_answer_is_the_same_bytes(written, reef, tmp_path):
    reef.write(CAMTRAPR, tmp_path / "again")
    for path in written[0].iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
