"""`shoal.open`: a folder or a bucket without Airflow, tables as relations, single images, and measurements beside counts."""

import gc
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

import shoal
from hostile_answer import HOSTILE_TAXON, PHOTO, PHOTO_KEY
from shard_attempts import airflow_connection
from shoal.contract.errors import ConfigError, ContractError

INCLUDE = Path(__file__).parents[3] / "include"


@pytest.fixture(scope="module")
def reef(hostile):
    """The answer, from the folder that the store serves."""
    with shoal.open(hostile.folder / "reef-results" / "reef", images=hostile.folder / "reef-images") as opened:
        yield opened


def test_a_folder_a_bucket_and_a_name_give_the_same_answer(hostile, reef, monkeypatch, tmp_path):
    access = hostile.results.access
    said = {"endpoint_url": access.endpoint_url, "access_key": access.access_key, "secret_key": access.secret_key}
    counts = reef.counts().fetchall()
    assert (reef.name, reef.run_key, reef.current) == ("reef", hostile.done.stored.run_key, hostile.done.stored.run_key)
    with shoal.open("s3://reef-results/reef", **said) as opened:
        assert opened.counts().fetchall() == counts != []
    for name, variable in (
        ("endpoint_url", "AWS_ENDPOINT_URL_S3"),
        ("access_key", "AWS_ACCESS_KEY_ID"),
        ("secret_key", "AWS_SECRET_ACCESS_KEY"),
    ):
        monkeypatch.setenv(variable, said[name])
    with shoal.open("s3://reef-results/", run=reef.run_key[:12]) as opened:
        assert opened.detections().fetchall() == reef.detections().fetchall()
    monkeypatch.setenv("SHOAL_DATASETS", str(hostile.folder.parent))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AIRFLOW_CONN_TEST", airflow_connection(access))
    with shoal.open("reef") as opened:
        assert opened.counts().fetchall() == counts
    with pytest.raises(ConfigError, match=r"its file and Airflow's connections say how"):
        shoal.open("reef", anonymous=True)


def test_no_airflow_is_needed(hostile):
    code = f"""
import sys
for name in ("airflow", "kubernetes", "yaml", "jinja2", "matplotlib", "onnx", "cv2"):
    sys.modules[name] = None
import shoal
print(shoal.open({str(hostile.folder / "reef-results/reef")!r}).counts("month").aggregate("sum(detections)").fetchone()[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(INCLUDE)}
    )
    seen = sum(one["detections"] for one in hostile.done.summary["result"]["species"])
    assert done.stdout.strip() == str(seen), done.stderr


def test_relations_keep_what_they_were_asked_for(hostile):
    """They are read late, by when somebody else may have asked for another part, and nobody holds what opened them."""
    whole = shoal.open(hostile.folder / "reef-results").images()
    part = shoal.open(hostile.folder / "reef-results").images("camera=A,from=2026-06-01,to=2026-07-01")
    gc.collect()
    assert len(part.fetchall()) == 10
    assert len(whole.fetchall()) == hostile.done.summary["result"]["examined"]


def test_tables_are_pandas_and_arrow_for_who_has_them(reef, hostile):
    frame = reef.counts("month").df()
    assert int(frame["detections"].sum()) == sum(one["detections"] for one in reef.result["species"])
    assert {str(moment.tz) for moment in frame["bin_start"]} == {"None"}, "UTC, as everywhere"
    boxes = reef.detections(HOSTILE_TAXON).df()
    assert set(boxes["taxon"]) == {HOSTILE_TAXON}
    assert list(reef.runs.df()[["run_key", "summarized", "current"]].itertuples(index=False, name=None)) == [
        (hostile.done.stored.run_key, True, True)
    ]
    assert reef.gaps().fetchall() != []
    assert len(reef.at(reef.run_key).images().fetchall()) == reef.result["examined"]


def test_boxes_are_those_that_the_numbers_count_unless_others_are_asked_for(reef):
    counted = {one["taxon"]: one["detections"] for one in reef.result["species"] if one["detections"]}
    assert dict(reef.detections().aggregate("taxon, count(*)").fetchall()) == counted
    undated = {one["taxon"]: one["detections"] for one in reef.result["undated_species"]}
    assert dict(reef.detections(use="undated").aggregate("taxon, count(*)").fetchall()) == undated != {}
    more = reef.detections(use=["used", "duplicate", "undated"])
    assert {use for (use,) in more.select("use").fetchall()} == {"used", "duplicate", "undated"}
    for wrong, said in (("all", r"never 'all' - it is used, unusable"), ((), "never nothing - it is used")):
        with pytest.raises(ConfigError, match=said):
            reef.detections(use=wrong)


def test_an_image_is_its_pixels_and_its_boxes(reef):
    image = reef.image(PHOTO_KEY)
    assert image.array.shape == (480, 640, 3)
    assert image.array.flags.writeable
    assert np.abs(image.array[:, [0, 639]].mean(axis=0) - [(0, 0, 255), (255, 0, 0)]).max() < 3, "red, green, blue"
    boxes = image.boxes.select("x1", "x2", "taxon").fetchall()
    assert boxes == reef.detections().filter(f"key = '{PHOTO_KEY}'").select("x1", "x2", "taxon").fetchall()


def test_decoding_runs_no_code_of_the_folder_it_is_asked_from_and_finds_shoal_where_the_asker_found_it(
    hostile, tmp_path
):
    (tmp_path / "cv2.py").write_text("raise SystemExit(open('executed', 'w').write('x'))")
    code = f"""
import sys
sys.path.insert(1, {str(INCLUDE)!r})
import shoal
opened = shoal.open({str(hostile.folder / "reef-results")!r}, images={str(hostile.folder / "reef-images")!r})
print(opened.image({PHOTO_KEY!r}).array.shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={}, cwd=tmp_path
    )
    assert done.stdout.strip() == "(480, 640, 3)", done.stderr
    assert not (tmp_path / "executed").exists()


def test_an_image_of_who_is_a_person_today_is_not_shown(hostile, reef, monkeypatch, tmp_path):
    """Opened by name, the dataset's file says who is one, also by what a class is merged into."""
    name = reef.image(PHOTO_KEY).boxes.select("class_name").fetchall()[0][0]
    written = yaml.safe_load((hostile.folder.parent / "reef.yaml").read_text(encoding="utf-8"))
    today = {**written.get("taxa", {}), name: {"merge_into": "Person"}, "Person": {"role": "human"}}
    (tmp_path / "reef.yaml").write_text(yaml.safe_dump({**written, "taxa": today}), encoding="utf-8")
    monkeypatch.setenv("SHOAL_DATASETS", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AIRFLOW_CONN_TEST", airflow_connection(hostile.results.access))
    with shoal.open("reef") as opened:
        for answer in (opened, opened.at(opened.run_key)):
            with pytest.raises(ConfigError, match="shows people and is not shown"):
                answer.image(PHOTO_KEY)
        with pytest.raises(ConfigError, match="nobody knows whether it shows people"):
            opened.image("A/20260601-040000-A-CAM1 bad.jpg")


def test_an_image_that_cannot_be_shown_is_told(reef, hostile, tmp_path):
    with pytest.raises(ConfigError, match=r"No image 'x.jpg' in the answer of run"):
        reef.image("x.jpg")
    with pytest.raises(ConfigError, match="cannot be decoded: not_image"):
        reef.image("A/no date.jpg")
    results = hostile.folder / "reef-results"
    with shoal.open(results) as opened, pytest.raises(ConfigError, match=r"images=…"):
        opened.image(PHOTO_KEY)
    with shoal.open(results, images=tmp_path) as opened:
        with pytest.raises(ConfigError, match=r"is not in .* any more"):
            opened.image(PHOTO_KEY)
        (tmp_path / "A").mkdir()
        (tmp_path / PHOTO_KEY).write_bytes(PHOTO[:-2] + b"xx")
        with pytest.raises(ConfigError, match="was changed since the model saw it"):
            opened.image(PHOTO_KEY)
        (tmp_path / PHOTO_KEY).write_bytes(PHOTO + b"x")
        with pytest.raises(ConfigError, match=r"cannot be read: .* it has more than"):
            opened.image(PHOTO_KEY)


def ctd(path, lines, separator=","):
    path.write_text(
        "\n".join(separator.join(line) for line in [("time", "temp", "images"), *lines]) + "\n", encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("separator", [",", ";"])
def test_measurements_stand_beside_the_counts_they_are_near_to(reef, tmp_path, separator):
    """Bins of an hour have their middle at half past: 03:00 and 03:50 are nearest to those of 2 and 3."""
    at = datetime(2026, 5, 1)
    lines = [((at + timedelta(minutes=minute)).isoformat(), f"{minute / 10:.1f}", "x") for minute in (180, 230, 600)]
    if separator == ";":
        lines = [(time, value.replace(".", ","), x) for time, value, x in lines]
    joined = reef.join(
        ctd(tmp_path / "ctd.csv", lines, separator), "30min", where="camera=A,from=2026-05-01,to=2026-05-02"
    )
    found = {(line[0], line[1]) for line in joined.select("bin_start", "temp").fetchall()}
    assert found == {(datetime(2026, 5, 1, 3), 23.0), (datetime(2026, 5, 1, 9), 60.0), (datetime(2026, 5, 1, 21), None)}
    assert "images_of_file" in joined.columns
    assert (
        joined.aggregate("sum(detections)").fetchone()
        == reef.counts("hour", "camera=A,from=2026-05-01,to=2026-05-02").aggregate("sum(detections)").fetchone()
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "time,temp\n2026-05-01T00:00:00,1\n2026-05-01T00:00:00,2\n",
            "2 lines for 2026-05-01 00:00:00",
            id="a time twice",
        ),
        pytest.param("when,temp\nnow,1\n", "has 0 columns that are times - say which one by time=", id="no time"),
        pytest.param("a,b\n2026-05-01T00:00:00,2026-05-01T00:00:00\n", "has 2 columns that are times", id="two times"),
        pytest.param(
            "time,temp\n06/01/2026,1\n06/02/2026,2\n",
            r"Column 'time' of ctd.csv: '06/0[12]/2026' begins with a day or with a month, .* write 2026-06-01T06:00:00Z",
            id="June or January",
        ),
        pytest.param("time,temp\n6/1/26 10:00,1\n6/2/26 11:00,2\n", "with a day or with a month", id="with a time"),
        pytest.param("", "cannot be read|0 columns that are times", id="nothing"),
    ],
)
def test_measurements_that_would_mislead_are_refused(reef, tmp_path, text, said):
    (tmp_path / "ctd.csv").write_text(text)
    with pytest.raises(ConfigError, match=said):
        reef.join(tmp_path / "ctd.csv")


def test_a_day_that_can_be_no_month_tells_the_order(reef, tmp_path):
    (tmp_path / "ctd.csv").write_text("time,temp\n05/01/2026,7\n05/13/2026,8\n05/05/2026,9\n")
    joined = reef.join(tmp_path / "ctd.csv", "24h", where="camera=A,from=2026-05-01,to=2026-05-02")
    assert set(joined.select("measured_at", "temp").fetchall()) == {(datetime(2026, 5, 1), 7)}


@pytest.mark.parametrize("column", ["epoch", "note"])
def test_a_column_that_is_no_time_is_refused_in_one_line(reef, tmp_path, column):
    (tmp_path / "ctd.csv").write_text("time,epoch,note\n2026-05-01T03:00:00,1777604400,x\n")
    with pytest.raises(
        ConfigError, match=rf"^Column '{column}' of ctd.csv is no time but (BIGINT|VARCHAR) - write 2026-"
    ):
        reef.join(tmp_path / "ctd.csv", time=column)


def test_columns_of_a_file_get_names_of_their_own_whatever_their_case(reef, tmp_path):
    """Names that are taken, by counts, by what stands beside them or by another column, are those of the file with more behind."""
    (tmp_path / "ctd.csv").write_text(
        "time,temp,Images,images_of_file,measured_at,TAXON,bin_middle\n2026-05-01T03:30:00,1,2,3,4,5,6\n"
    )
    joined = reef.join(tmp_path / "ctd.csv", where="camera=A,from=2026-05-01,to=2026-05-02")
    assert joined.columns[: len(reef.counts("hour").columns)] == reef.counts("hour").columns
    of_file = joined.columns[len(reef.counts("hour").columns) :]
    assert of_file == [
        "measured_at",
        "temp",
        "Images_of_file2",
        "images_of_file",
        "measured_at_of_file",
        "TAXON_of_file",
        "bin_middle_of_file",
    ]
    values = joined.filter("temp IS NOT NULL").select(*[f'"{name}"' for name in of_file[1:]]).fetchall()
    assert set(values) == {(1, 2, 3, 4, 5, 6)}


def test_what_cannot_be_opened_is_told_in_one_line(hostile, reef, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "od[d]").mkdir()
    for place, said in [
        (tmp_path / "none", "No folder"),
        (tmp_path / "empty", "Nothing of Shoal's lies at"),
        (tmp_path / "od[d]", "in its name - rename it"),
        ("s3://reef-results/reef", "No access key for https://s3.us-east-1.amazonaws.com - set AWS_ACCESS_KEY_ID"),
        ("s3:///x", "not understood"),
    ]:
        with pytest.raises(ConfigError, match=said) as told:
            shoal.open(place)
        assert "\n" not in str(told.value)
    with pytest.raises(ConfigError, match=r"No bins of '30min' in the answer .* there are hour, day, month"):
        reef.counts("30min")
    with pytest.raises(ConfigError, match=r"No taxon 'Homo' in the answer"):
        reef.detections("Homo")
    with pytest.raises(ConfigError, match=r"No file .*ctd.csv"):
        reef.join(tmp_path / "ctd.csv")
    (tmp_path / "ctd.csv").write_text("time,temp\n2026-05-01T00:00:00,1\n")
    with pytest.raises(ConfigError, match=r"Tolerance 'long' is no duration - such as 30min"):
        reef.join(tmp_path / "ctd.csv", "long")


def test_a_copy_that_lacks_a_month_says_which(hostile, tmp_path):
    source = hostile.folder / "reef-results"
    for file in source.rglob("*"):
        if file.is_file() and "month=2026-05" not in str(file):
            target = tmp_path / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    with shoal.open(tmp_path / "reef") as opened, pytest.raises(ContractError, match="month=2026-05"):
        opened.counts()
