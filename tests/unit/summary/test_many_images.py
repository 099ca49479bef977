"""Steps of a summary whose memory would grow with the bucket: small here, as the memory is."""

import pytest

from shoal.contract.errors import NoRoomError
from shoal.summary import tables as summary_tables
from shoal.tables import pieces
from shoal.tables.limits import Limits
from shoal.tables.pieces import make_in_pieces
from shoal.tables.session import Database

MB = 1_000_000
OF_A_PIECE = "FROM listing WHERE rowid >= getvariable('piece_start') AND rowid < getvariable('piece_end')"


@pytest.fixture
def database(tmp_path):
    return Database(None, tmp_path, Limits(48 * MB, 1))


def fill(database, images):
    database.run(
        f"CREATE TABLE listing AS SELECT format('reef/{{:06d}}.jpg', i) AS key FROM range({images}) AS numbers(i)"
    )


@pytest.mark.parametrize(
    ("images", "ranges"),
    [
        pytest.param(2500, ["000000-000999", "001000-001999", "002000-002499"], id="the last piece is a part of one"),
        pytest.param(1000, ["000000-000999"], id="one whole piece"),
        pytest.param(0, [], id="nothing is listed"),
    ],
)
def test_each_image_is_in_one_piece_and_a_piece_knows_its_keys(database, monkeypatch, images, ranges):
    monkeypatch.setattr(pieces, "IMAGE_BYTES", MB)
    fill(database, images)
    ends = "getvariable('piece_least')[6:11] || '-' || getvariable('piece_most')[6:11]"
    make_in_pieces(database, "cut", f"SELECT key, {ends} AS ends {OF_A_PIECE}")
    assert database.run("SELECT DISTINCT ends FROM cut ORDER BY 1").fetchall() == [(one,) for one in ranges]
    assert (
        database.run("SELECT key FROM cut ORDER BY key").fetchall()
        == database.run("SELECT key FROM listing").fetchall()
    )


WIDE = f"SELECT count(*) AS images, len(string_agg(repeat('x', 4000), '')) AS width {OF_A_PIECE}"
"""Four kilobytes an image, all of which must be in memory."""


def test_a_piece_that_memory_does_not_do_for_is_cut_in_two(database):
    fill(database, 4000)
    make_in_pieces(database, "cut", WIDE)
    assert database.value("SELECT count(*) FROM cut") > 1
    assert database.run("SELECT sum(images), sum(width) FROM cut").fetchone() == (4000, 16 * MB)


def test_memory_that_does_not_do_for_a_small_piece_is_too_little(database):
    fill(database, 2000)
    with pytest.raises(
        NoRoomError,
        match=r"45.8 MiB of memory on 1 threads were not enough .* - set run.memory in the dataset file to more",
    ):
        make_in_pieces(database, "cut", WIDE.replace("4000", "40000"))


def test_what_is_seen_in_hours_is_counted_in_memory_that_does_not_grow_with_them(database):
    database.run("CREATE TABLE axis (camera VARCHAR, start_at TIMESTAMP, end_at TIMESTAMP)")
    for table in ("images", "deployment_spans", "not_working_spans"):
        database.run(f"CREATE TABLE {table} (camera VARCHAR, deployment VARCHAR, use VARCHAR, captured_at TIMESTAMP, max_det_reached BOOLEAN, "
                     "start_at TIMESTAMP, end_at TIMESTAMP, motion BOOLEAN)")  # fmt: skip
    database.run("CREATE TABLE taxa AS SELECT 'Salema' AS taxon, 1 AS aphia_id")
    database.run("INSERT INTO images (camera, use) VALUES ('CAM1', 'used')")
    database.run(
        "CREATE TABLE image_counts AS SELECT format('a-folder-with-a-name/of-some-length/{:09d}.jpg', i) AS key, 'CAM1' AS camera, "
        "NULL::VARCHAR AS deployment, TIMESTAMP '2000-01-01' + INTERVAL 1 HOUR * i AS captured_at, 'Salema' AS taxon, "
        "1::BIGINT AS detections, 1::BIGINT AS confidence_millionths FROM range(250000) AS numbers(i)"
    )
    for name, value in {"bins": ["hour"], "report_zone": "UTC"}.items():
        database.set_variable(name, value)
    database.run_file("bins")
    database.run_file("counts")
    summary_tables.fill_short_bins(database, ("hour", "day"))
    told = database.run(
        "SELECT bin, count(*), count(DISTINCT bin_start), sum(detections), min(maxn_key) FROM seen_bins GROUP BY bin"
    ).fetchall()
    assert told == [("hour", 250000, 250000, 250000, "a-folder-with-a-name/of-some-length/000000000.jpg")]
