"""What is painted on a decoded image: boxes, tags, letters, colours; in this process, which the room never does."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shoal.contract.image_limits import PIXEL_LIMIT, SCAN_LIMIT
from shoal.pictures.boxes import line_width
from shoal.pictures.colours import COLOURS, colours_of
from shoal.pictures.drawing import Box
from shoal.pictures.lettering import cut_to, drawable, font, ink_on, shorter
from shoal.pictures.paint import paint
from shoal.pictures.tags import _place
from shoal.pictures.tiles import lay_out
from worker.images import encoded, photo
from written_tasks import rectangle

JPEG = encoded(photo(), ".jpg")
FISH = Box(40, 60, 140, 120, "Coris julis", 2, 0.876)


def painted(*boxes, data=JPEG, crop=False, side=640):
    words = {
        "boxes": [vars(box) for box in boxes],
        "crop": crop,
        "long_side_px": side,
        "quality": 90,
        "pixel_limit": PIXEL_LIMIT,
        "scan_limit": SCAN_LIMIT,
    }
    said, jpeg = paint(data, words)
    assert jpeg is not None, said
    return jpeg


def pixels(jpeg):
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), int)


def share_of(colour, part):
    """How much of a part of a picture is of a colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return (abs(part - wanted).sum(axis=2) < 60).mean()


def test_the_same_bytes_are_the_same_picture():
    assert painted(FISH) == painted(FISH)


def test_a_small_part_is_shown_around_the_first_box():
    far = Box(300, 200, 380, 280, "Far", 1, 0.99)
    crop = pixels(painted(FISH, far, crop=True))
    assert crop.shape == (480, 640, 3)
    assert share_of(COLOURS[2], crop) > 0.005
    assert share_of(COLOURS[1], crop) == 0
    at_the_edge = painted(Box(0, 0, 4, 3, "x", 0, 0.5), crop=True)
    assert pixels(at_the_edge).shape == (180, 240, 3), "60 px of the image, four times as large and no more"


def test_counted_boxes_are_solid_and_those_below_are_dashed():
    """Along the lower side, which no tag covers."""
    lower = slice(int(120 * 1.6) - line_width(640), int(120 * 1.6) + 1), slice(66, 222)
    solid, dashed = (
        share_of(COLOURS[2], pixels(painted(Box(40, 60, 140, 120, "x", 2, 0.9, style)))[lower])
        for style in ("counted", "below")
    )
    assert 0 < dashed < 0.7 * solid
    pictures = {painted(Box(40, 60, 140, 120, "x", 2, 0.9, style)) for style in ("counted", "below", "lost", "gained")}
    assert len(pictures) == 4


EDGES = st.floats(-500, 900) | st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.0, 400.0])
BOXES = st.builds(
    Box, EDGES, EDGES, EDGES, EDGES, st.text(max_size=60), st.integers(0, 99), st.floats(0, 1),
    st.sampled_from(["counted", "below", "lost", "gained"]),
)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(BOXES, max_size=12), st.sampled_from([(400, 300), (30, 300), (300, 9), (1, 1)]), st.booleans())
def test_any_box_can_be_drawn_on_any_picture(boxes, size, crop):
    data = encoded(np.zeros((size[1], size[0], 3), np.uint8), ".png")
    picture = pixels(painted(*boxes, data=data, crop=crop, side=320))
    assert picture.shape[1] <= 320


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 299), st.integers(0, 199), st.integers(1, 300), st.integers(1, 200)), max_size=9)
)
def test_tags_never_leave_the_picture(corners):
    boxes = [Box(x, y, min(299, x + w), min(199, y + h), "Parablennius gattorugine", 1, 0.9) for x, y, w, h in corners]
    for tag in _place(boxes, [box.label for box in boxes], (300, 200)):
        left, top, right, bottom = tag.place
        assert 0 <= left < right <= 300
        assert 0 <= top < bottom <= 200


def test_where_boxes_are_many_a_legend_stands_below_the_picture():
    boxes = [
        Box(n % 20 * 20, n // 20 * 20, n % 20 * 20 + 30, n // 20 * 20 + 15, f"Class {n % 7}", n % 7, 0.5)
        for n in range(100)
    ]
    few, many = pixels(painted(*boxes[:2])), pixels(painted(*boxes))
    assert few.shape == (480, 640, 3)
    assert many.shape[0] > 480
    assert (many[-1, -1] == 255).all()
    assert all(share_of(colour, many[480:]) > 0 for colour in COLOURS), "each class has its field"


@pytest.mark.parametrize(
    ("label", "drawn"),
    [
        pytest.param("Diplodus vulgaris", "Diplodus vulgaris", id="plain"),
        pytest.param("Ñandú größer Ωμέγα рыба", "Ñandú größer Ωμέγα рыба", id="Latin, Greek, Cyrillic"),
        pytest.param("سمكة", "سمكة", id="Arabic"),
        pytest.param("e\u0301toile", "e\u0301toile", id="a mark that joins"),
        pytest.param("魚のなまえ", "#7", id="no letter that the font has: the class's number"),
        pytest.param("हिन्दी", "#7", id="nor its marks alone"),
        pytest.param("🐟", "#7", id="an emoji alone"),
        pytest.param("🐟 Sar comun", "Sar comun", id="an emoji before a name"),
        pytest.param("a\nb\tc", r"a\nb\tc", id="line breaks"),
        pytest.param("gpj\u202egpj", r"gpj\u202egpj", id="what turns the direction"),
        pytest.param("", "#7", id="no name"),
    ],
)
def test_labels_are_legible_in_any_script(label, drawn):
    assert drawable(label, 7) == drawn


def test_names_are_shortened_and_cut():
    assert shorter("Diplodus vulgaris") == "D. vulgaris"
    assert shorter("two-banded bream") == "two-banded bream"
    assert cut_to("x" * 99, 60, 12).endswith("x…")
    assert cut_to("folder/20260601.jpg", 80, 12, keep_end=True).startswith("…")
    assert cut_to("x", 1, 12) == ""
    assert font(12).getlength(cut_to("W" * 500, 100, 12)) <= 100


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", COLOURS)
def test_letters_are_read_on_every_colour(colour):
    """WCAG asks for 4.5 to 1."""
    light, dark = sorted((luminance(colour), 1.0 if ink_on(colour) == (255, 255, 255) else 0.0), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_name_keeps_its_colour_and_few_names_have_colours_of_their_own():
    names = ["Coris julis", "Diplodus vulgaris", "Chromis chromis", "Sarpa salpa", "x", "海"]
    assert len(set(colours_of(names).values())) == 6
    assert colours_of(["Coris julis"]) == colours_of(["Coris julis", "Coris julis"])
    assert len(colours_of(map(str, range(100)))) == 100


def test_a_sheet_of_nothing_is_a_sheet():
    assert lay_out([], {"columns": 5, "captions": [], "whys": [], "title": "", "quality": 80})


def changed(jpeg, part):
    """How much of a part of a picture is no longer as it was."""
    rows, columns = part
    plain = pixels(painted())
    return (abs(pixels(jpeg)[rows, columns] - plain[rows, columns]).sum(axis=2) > 60).mean()


def test_a_mask_is_outlined_in_place_of_its_box():
    size = Image.open(io.BytesIO(JPEG)).size
    left_half = rectangle(*size, 40, 60, 90, 120)
    drawn = painted(replace(FISH, mask=left_half, label="", conf=0.0))
    scale = 640 / size[0]
    middle = slice(round(70 * scale), round(110 * scale)), slice(round(84 * scale), round(96 * scale))
    right = slice(round(70 * scale), round(110 * scale)), slice(round(134 * scale), round(146 * scale))
    assert changed(drawn, middle) > 0.1
    assert changed(drawn, right) == 0
    of_another_image = painted(replace(FISH, mask="7", label="", conf=0.0))
    assert changed(of_another_image, right) > 0.1, "the box itself is drawn"


def test_a_turned_box_is_drawn_by_its_corners():
    diamond = (90.0, 60.0, None, 140.0, 90.0, None, 90.0, 120.0, None, 40.0, 90.0, None)
    drawn = painted(replace(FISH, angle=0.5, keypoints=diamond))
    scale = 640 / Image.open(io.BytesIO(JPEG)).size[0]
    for x, y, seen in ((65, 75, True), (115, 105, True), (48, 112, False), (132, 66, False), (90, 90, False)):
        near = (
            slice(round((y - 3) * scale), round((y + 3) * scale)),
            slice(round((x - 3) * scale), round((x + 3) * scale)),
        )
        assert (changed(drawn, near) > 0.1) == seen, (x, y)


def test_key_points_are_discs_and_hollow_where_they_are_hardly_to_be_seen():
    size = Image.open(io.BytesIO(JPEG)).size
    drawn = pixels(painted(replace(FISH, keypoints=(60.0, 90.0, 0.9, 120.0, 90.0, 0.1))))
    seen, hidden = (drawn[round(90 * 640 / size[0]), round(x * 640 / size[0])][None, None] for x in (60, 120))
    assert share_of(COLOURS[2], seen) == 1
    assert share_of(COLOURS[2], hidden) == 0


@pytest.mark.parametrize("crop", [True, False])
def test_what_is_said_of_an_image_as_a_whole_stands_in_a_corner_and_has_no_line(crop):
    whole = Box.of([None] * 4, label="Coris julis", class_id=2, conf=0.9)
    second = Box.of([None] * 4, label="Chromis chromis", class_id=1, conf=0.2, style="below")
    drawn = painted(whole, second, crop=crop)
    height, width, _ = pixels(drawn).shape
    middle = slice(height // 4, 3 * height // 4), slice(width // 4, 3 * width // 4)
    assert changed(drawn, middle) == 0
    assert changed(drawn, (slice(0, height // 8), slice(0, width // 4))) > 0.05
    assert changed(drawn, (slice(height // 4, height // 2), slice(0, 4))) == 0, "no edge"
