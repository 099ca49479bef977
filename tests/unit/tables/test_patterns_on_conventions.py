"""Patterns that a person would write for one convention, before that convention and before all the others."""

import pytest

from conventions import BY_KEY, CONVENTIONS, ZONES, is_right, read_clocked
from shoal.settings.analysis import Clock

OWN = [
    ("IFCB134_2023_073_001205.png", r"(?P<camera>IFCB\d+)_(?P<time>\d{4}_\d{3}_\d{6})", "%Y_%j_%H%M%S"),
    ("D20230314T001205_IFCB134.png", r"D(?P<time>\d{8}T\d{6})_(?P<camera>IFCB\d+)", "%Y%m%dT%H%M%S"),
    (
        "alligatorriver_IR_2012_05_06_073032.jpg",
        r"(?P<camera>[a-z]+)(?:_IR)?_(?P<time>\d{4}_\d\d_\d\d_\d{6})",
        "%Y_%m_%d_%H%M%S",
    ),
    ("12345abc20200128143026.jpg", r"(?P<time>\d{14})\.", "%Y%m%d%H%M%S"),
    ("Entrance-2009-06-05@225030.jpg", r"(?P<camera>\w+)-(?P<time>\d{4}-\d\d-\d\d@\d{6})", "%Y-%m-%d@%H%M%S"),
    (
        "motioneye/2020/03/12/Corridor1_01-36-01.jpg",
        r"(?P<time>\d{4}/\d\d/\d\d/Corridor1_\d\d-\d\d-\d\d)",
        "%Y/%m/%d/Corridor1_%H-%M-%S",
    ),
    ("25-12-2019_08.30.15.jpg", r"(?P<time>\d\d-\d\d-\d{4}_\d\d\.\d\d\.\d\d)", "%d-%m-%Y_%H.%M.%S"),
    ("03-04-2019_08.30.15.jpg", r"(?P<time>\d\d-\d\d-\d{4}_\d\d\.\d\d\.\d\d)", "%d-%m-%Y_%H.%M.%S"),
    (
        "Screenshot 2022-02-23 at 2.59.39 PM.png",
        r"(?P<time>\d{4}-\d\d-\d\d at \d+\.\d\d\.\d\d [AP]M)",
        "%Y-%m-%d at %I.%M.%S %p",
    ),
    (
        "WhatsApp Image 2023-11-03 at 1.15.53 PM.jpeg",
        r"(?P<time>\d{4}-\d\d-\d\d at \d+\.\d\d\.\d\d [AP]M)",
        "%Y-%m-%d at %I.%M.%S %p",
    ),
    (
        "WhatsApp Image 2025-07-12 à 16.06.43_fee671c9.jpg",
        r"(?P<time>\d{4}-\d\d-\d\d à \d\d\.\d\d\.\d\d)",
        "%Y-%m-%d à %H.%M.%S",
    ),
    ("20240105T1430.jpg", r"(?P<time>\d{8}T\d{4})", "%Y%m%dT%H%M"),
    ("24-12-2013_18h30.JPG", r"(?P<time>\d\d-\d\d-\d{4}_\d\dh\d\d)", "%d-%m-%Y_%Hh%M"),
    ("202401051430.jpg", r"(?P<time>\d{12})", "%Y%m%d%H%M"),
    (
        "cam_20260514064829_20260514065015.jpg",
        r"(?P<camera>[a-z]+)_(?P<time>\d{14})_\d{14}",
        "%Y%m%d%H%M%S",
    ),
    (
        "2022-08-16_23-55-14_250_tapo.jpg",
        r"(?P<time>\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)_\d{3}_(?P<camera>\w+)",
        "%Y-%m-%d_%H-%M-%S",
    ),
    (
        "Cutia P03 2013-08-14 17-22-05 12 .JPG",
        r"(?P<time>\d{4}-\d\d-\d\d \d\d-\d\d-\d\d)",
        "%Y-%m-%d %H-%M-%S",
    ),
    (
        "PR_20081012_021022_110_LC16.jpg",
        r"PR_(?P<time>\d{8}_\d{6})_\d{3}_(?P<camera>[LR]C\d+)",
        "%Y%m%d_%H%M%S",
    ),
    (
        "192.168.1.65_01_20250905115636245_MOTION_DETECTION.jpg",
        r"(?P<camera>\d+\.\d+\.\d+\.\d+)_\d\d_(?P<time>\d{14})\d{3}_",
        "%Y%m%d%H%M%S",
    ),
    (
        "192.168.0.67_20210207230537_20210224_220227_0.jpg",
        r"(?P<camera>\d+\.\d+\.\d+\.\d+)_\d{14}_(?P<time>\d{8}_\d{6})_",
        "%Y%m%d_%H%M%S",
    ),
    (
        "AIFOSCAMDRIVEWAY.20200827_131840312.jpg",
        r"(?P<camera>[A-Z]+)\.(?P<time>\d{8}_\d{6})\d{3}\.",
        "%Y%m%d_%H%M%S",
    ),
    ("2015/08/15/10/12/33-snapshot.jpg", r"(?P<time>\d{4}(?:/\d\d){5})-snapshot", "%Y/%m/%d/%H/%M/%S"),
    (
        "2019-05-09/001/jpg/06/07/27[M][0@0][0].jpg",
        r"(?P<time>\d{4}-\d\d-\d\d/001/jpg/\d\d/\d\d/\d\d)\[",
        "%Y-%m-%d/001/jpg/%H/%M/%S",
    ),
    (
        "StationA__CameraA1__2009-04-21__15-49-26(1).JPG",
        r"__(?P<camera>\w+?)__(?P<time>\d{4}-\d\d-\d\d__\d\d-\d\d-\d\d)",
        "%Y-%m-%d__%H-%M-%S",
    ),
    ("Screenshot 2024-09-30 162059.png", r"(?P<time>\d{4}-\d\d-\d\d \d{6})", "%Y-%m-%d %H%M%S"),
    ("vlc-record-2023-05-15-14h30m22s.jpg", r"(?P<time>\d{4}-\d\d-\d\d-\d\dh\d\dm\d\ds)", "%Y-%m-%d-%Hh%Mm%Ss"),
    ("photo#20230515#143022.jpg", r"(?P<time>\d{8}#\d{6})", "%Y%m%d#%H%M%S"),
    ("20240422-080001-IPC608_8B64_165.jpg", r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+\d+)_", "%Y%m%d-%H%M%S"),
]

# One shape of a time each, fenced by what is no digit: these must not find a time where none is.
SHAPES = {
    "20230515143022": (r"(?:^|\D)(?P<time>\d{14})(?:\D|$)", "%Y%m%d%H%M%S"),
    "20230515_143022": (r"(?:^|\D)(?P<time>\d{8}_\d{6})(?:\D|$)", "%Y%m%d_%H%M%S"),
    "20230515-143022": (r"(?:^|\D)(?P<time>\d{8}-\d{6})(?:\D|$)", "%Y%m%d-%H%M%S"),
    "20230515T143022": (r"(?:^|\D)(?P<time>\d{8}T\d{6})(?:\D|$)", "%Y%m%dT%H%M%S"),
    "2023-05-15_14-30-22": (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:\D|$)", "%Y-%m-%d_%H-%M-%S"),
    "2023-05-15-14-30-22": (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)(?:\D|$)", "%Y-%m-%d-%H-%M-%S"),
    "2023-05-15-143022": (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\d-\d{6})(?:\D|$)", "%Y-%m-%d-%H%M%S"),
    "2023_05_15_143022": (r"(?:^|\D)(?P<time>\d{4}_\d\d_\d\d_\d{6})(?:\D|$)", "%Y_%m_%d_%H%M%S"),
    "2023-05-15 14.30.22": (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d)(?:\D|$)", "%Y-%m-%d %H.%M.%S"),
}
FOLDER_FIRST = (
    "ScottReef200907/r20090726_074343_scott_05_long_transect_auv2/i20090726_074343_cv/PR_20090726_080103_456_LC16.png",
    "20200101-000000-dump/20260602-100000-CAM4.jpg",
)
DATED_TWICE = {
    "192.168.0.67_20210207230537_20210224_220227_0.jpg": "its makers mean the second of two times",
    "20160626-094403-bla-bla-original-name_20170725131201.jpg": "the first of two times is a part of what was printed",
}


@pytest.mark.parametrize(("key", "pattern", "time_format"), OWN, ids=[key for key, _, _ in OWN])
def test_a_convention_s_own_pattern_reads_its_time_and_camera(key, pattern, time_format, tmp_path):
    row = BY_KEY[key]
    clock = Clock(pattern=pattern, format=time_format, zone=row["zone"])
    camera, captured_at = read_clocked(clock, [row], tmp_path)[key]
    assert captured_at is not None, "the pattern finds no time"
    assert is_right(captured_at, row)
    assert camera == (row["right_camera"] if "(?P<camera>" in pattern else "camera")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fenced_pattern_finds_no_other_time_in_any_convention(shape, tmp_path):
    pattern, time_format = SHAPES[shape]
    wrong, right = [], 0
    for zone in ZONES:
        # What is ambiguous is a person's to decide, by writing such a pattern or not.
        rows = [row for row in CONVENTIONS if row["zone"] == zone and row["entry"] != "ambiguous"]
        read = read_clocked(Clock(pattern=pattern, format=time_format, zone=zone), rows, tmp_path)
        for key, (_, captured_at) in read.items():
            if captured_at is None or key in DATED_TWICE:
                continue
            if is_right(captured_at, BY_KEY[key]):
                right += 1
            else:
                wrong.append((key, captured_at.isoformat()))
    assert wrong == []
    assert right, "no convention has this shape"


@pytest.mark.parametrize("key", FOLDER_FIRST)
def test_the_name_s_own_time_wins_over_its_folders(key, tmp_path):
    row = BY_KEY[key]
    for shape in ("20230515_143022", "20230515-143022"):
        pattern, time_format = SHAPES[shape]
        _, captured_at = read_clocked(Clock(pattern=pattern, format=time_format), [row], tmp_path)[key]
        assert captured_at is None or is_right(captured_at, row)


@pytest.mark.parametrize(
    ("pattern", "key", "camera", "captured_at"),
    [
        pytest.param(r"(?P<camera>\w+?)_(?P<time>\d{8}_\d{6})", "A_20230101_000000/B_20230515_143022.jpg", "B", "2023-05-15 14:30:22", id="the name's camera and time"),
        pytest.param(r"^(?P<time>\d{8}_\d{6})", "20230101_000000/20230515_143022.jpg", "camera", "2023-05-15 14:30:22", id="^ begins the name"),
        pytest.param(r"(?:(?P<camera>CAM\d).*)?(?P<time>\d{8}_\d{6})", "CAM1/20230515_143022.jpg", "CAM1", "2023-05-15 14:30:22", id="a camera that stands in the folder only"),
        pytest.param(r"(?:(?P<camera>CAM\d).*?)?(?P<time>\d{8}_\d{6})", "CAM1/20230101_000000/20230515_143022.jpg", "camera", "2023-05-15 14:30:22", id="no camera from a folder at another time"),
        pytest.param(r"(?P<camera>CAM\d)/.*(?P<time>\d{8}_\d{6})", "CAM1/x/CAM2_20230515_143022.jpg", "CAM1", "2023-05-15 14:30:22", id="a pattern with / is about the whole key"),
        pytest.param(r"(?P<time>\d{8}_\d{6})[^/]*/", "20230101_000000_x/20230515_143022.jpg", "camera", "2023-01-01 00:00:00", id="so it may mean a folder"),
        pytest.param(r"(?P<time>\d{8}_\d{6})[^/]", "20230101_000000_x/20230515_143022.jpg", "camera", "2023-05-15 14:30:22", id="[^/] is no word about folders"),
        pytest.param(r"(?P<time>\d{8}_\d{6})", "20230101_000000/20230515_146000.jpg", "camera", None, id="an impossible time is not mended by its folder's"),
        pytest.param(r"(?P<time>\d{8}_\d{6})", "20230515_143022/photo.jpg", "camera", "2023-05-15 14:30:22", id="a folder's time where the name has none"),
    ],
)  # fmt: skip
def test_an_entry_searches_the_file_s_own_name_before_the_whole_key(pattern, key, camera, captured_at, tmp_path):
    row = {"key": key, "last_modified": "2023-06-01T00:00:00Z"}
    read = read_clocked(Clock(pattern=pattern, format="%Y%m%d_%H%M%S"), [row], tmp_path)[key]
    assert (read[0], read[1] and f"{read[1]:%Y-%m-%d %H:%M:%S}") == (camera, captured_at)
