import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from itertools import combinations, pairwise

import cv2
import numpy as np
import pytest

from shoal.embedded.samples.scenes import CAMERAS, HEIGHT, LOOKS, WIDTH, Scene, demo_scene, demo_scenes, scene

NAME = re.compile(r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+\d+)")
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def scenes():
    return list(demo_scenes())


def camera_and_time(photo: Scene) -> tuple[str, datetime]:
    name = NAME.search(photo.key)
    return name["camera"], datetime.strptime(name["time"], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def count(photos, species):
    return sum(fish.species == species for photo in photos for fish in photo.fish)


def test_names_tell_camera_and_time_and_every_photo_lies_in_its_cameras_folder(scenes):
    taken = [camera_and_time(photo) for photo in scenes]
    assert len(set(taken)) == len(scenes) == 117
    assert [photo.key.split("/")[0] for photo in scenes] == [camera for camera, _ in taken]
    assert Counter(camera for camera, _ in taken) == dict(zip(CAMERAS, (60, 57), strict=True))


def test_one_camera_has_a_gap_of_six_hours_and_nothing_else_is_missing(scenes):
    taken = sorted(time for camera, time in map(camera_and_time, scenes) if camera == "IPC710")
    hours = Counter((after - before).total_seconds() / 3600 for before, after in pairwise(taken))
    assert hours == {2: 55, 8: 1}


def test_photos_are_jpegs_of_one_size(scenes):
    for photo in scenes[::10]:
        image = cv2.imdecode(np.frombuffer(photo.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert photo.jpeg.startswith(b"\xff\xd8\xff")
        assert image.shape == (HEIGHT, WIDTH, 3)


def test_every_fish_is_whole_and_hides_no_other(scenes):
    for photo in scenes:
        for fish in photo.fish:
            x1, y1, x2, y2 = fish.xyxy
            assert 0 <= x1 < x2 <= WIDTH
            assert 0 <= y1 < y2 <= HEIGHT
        for one, other in combinations(photo.fish, 2):
            apart = np.maximum(one.xyxy[:2], other.xyxy[:2]) >= np.minimum(one.xyxy[2:], other.xyxy[2:])
            assert apart.any()


def test_abundance_follows_species_hour_day_and_camera(scenes):
    by_time = {camera_and_time(photo): photo for photo in scenes}
    night = [photo for (_, time), photo in by_time.items() if time.hour in {0, 2, 22}]
    noon = [photo for (_, time), photo in by_time.items() if time.hour in {10, 12, 14}]
    before_third = [photo for (_, time), photo in by_time.items() if time.day < 3]
    reef = [photo for (camera, _), photo in by_time.items() if camera == "IPC608"]
    assert count(night, "Chromis chromis") == count(night, "Coris julis") == 0 < count(noon, "Coris julis")
    assert count(noon, "Chromis chromis") > 2 * count(noon, "Diplodus vulgaris")
    assert count(before_third, "Sarpa salpa") == count(reef, "Sarpa salpa") == 0 < count(scenes, "Sarpa salpa")
    assert sum(not photo.fish for photo in scenes) > 10


def test_all_species_occur(scenes):
    assert {fish.species for photo in scenes for fish in photo.fish} == set(LOOKS)


def test_the_same_key_gives_the_same_bytes_in_another_process():
    here = sha256(demo_scene("IPC710", NOON).jpeg).hexdigest()
    code = (
        "from hashlib import sha256; from datetime import UTC, datetime; from shoal.embedded.samples.scenes import demo_scene;"
        "print(sha256(demo_scene('IPC710', datetime(2026, 6, 3, 12, tzinfo=UTC)).jpeg).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=path_only())
    assert there.stdout.strip() == here


def test_another_key_gives_another_photo():
    assert scene("a.jpg", {}).jpeg != scene("b.jpg", {}).jpeg


def test_no_species_no_fish():
    assert scene("empty.jpg", {}).fish == ()


def path_only():
    return {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"}
