"""The real thing: photos of the OBSEA observatory, 2688 x 1520 px, at the photo's own size."""

import pytest

from worker.onnx_models import constant_model

OBSEA_CLOCK = {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Za-z0-9_]+)", "zone": "UTC"}


@pytest.fixture
def obsea(pipelines, obsea_photos):
    """Six real photos of one camera, and a dynamic model that sees one fish in each."""
    pipeline = pipelines(clock=OBSEA_CLOCK)
    for photo in obsea_photos:
        pipeline.put(f"2024/04/{photo.name}", photo.read_bytes())
    model = constant_model(((1344.0, 768.0, 100.0, 60.0, 0.9, 0.1),))
    pipeline.stores.models.write_bytes("demo-fish/v1/model.onnx", model)
    return pipeline


@pytest.mark.parametrize("imgsz", [640, 2688], ids=["small", "the photo's own size"])
def test_real_photos_go_through_plan_infer_and_summarize(obsea, imgsz):
    done = obsea.with_settings(model={"name": "demo-fish", "version": "v1", "imgsz": imgsz}).run()
    assert done.balance.fates["processed"] == 6
    result = done.summary["result"]
    series = result["series"][0]
    assert (series["camera"], series["images"]) == ("IPC608_8B64_165", 6)
    assert (series["first_image"], series["last_image"]) == ("2024-04-22T08:00:01Z", "2024-04-22T08:05:01Z")
    rows = obsea.rows(done).values()
    assert {(row["width"], row["height"], row["version_checked"]) for row in rows} == {(2688, 1520, True)}
    assert all(20 < row["luma_mean"] < 235 and row["sharpness"] > 0 for row in rows)


def test_a_box_at_full_size_comes_back_in_pixels_of_the_photo(obsea):
    done = obsea.with_settings(model={"name": "demo-fish", "version": "v1", "imgsz": 2688}).run()
    for row in obsea.rows(done).values():
        (box,) = row["detections"]
        # 1520 px are padded to 1536, 8 px above and below.
        assert [box["x1"], box["y1"], box["x2"], box["y2"]] == pytest.approx([1294, 730, 1394, 790], abs=0.01)


def test_the_demo_model_sees_no_fish_in_murky_water(pipelines, obsea_photos):
    pipeline = pipelines(clock=OBSEA_CLOCK)
    for photo in obsea_photos:
        pipeline.put(photo.name, photo.read_bytes())
    done = pipeline.run()
    assert sum(entry["detections"] for entry in done.summary["result"]["species"]) == 0
    assert all(entry["images"] == 6 for entry in done.summary["result"]["series"])
