"""What one client may cost, and what is left to the model."""

from pathlib import Path

import pytest
import yaml

from shoal.contract.errors import ConfigError
from shoal_worker.command_line import DEADLINE_S, READ_S, SIZE_LIMIT_MB, WAITING
from shoal_worker.serving import settings
from shoal_worker.serving.body import MOST_HEAD_BYTES, NoImageError, open_form
from shoal_worker.serving.settings import MIB, Limits, Shares, share_memory

ROOT = Path(__file__).parents[3]
LIMITS = Limits(size_bytes=64 * MIB, waiting=8, deadline_s=60, read_s=30)


@pytest.mark.parametrize(
    ("size_bytes", "pixel_limit", "why"),
    [
        pytest.param(64 * MIB, 100_000_000, None, id="as many as may come"),
        pytest.param(64 * MIB + 1, 100_000_000, "67108865 bytes, the limit is 67108864 (--size-limit)", id="one more"),
        pytest.param(
            8001, 1000, "8001 bytes, an image of 1000 pixels has at most 8000", id="more than a run would fetch"
        ),
    ],
)
def test_the_tighter_limit_is_the_one_that_is_told(size_bytes, pixel_limit, why):
    assert LIMITS.why_too_large(size_bytes, pixel_limit) == why


@pytest.mark.parametrize(
    ("limit_mib", "looker_mib", "drawer_mib"),
    [
        pytest.param(None, 8192, 4096, id="nothing bounds this process"),
        pytest.param(2048, 768, 384, id="what nine images of 64 MiB leave of 2 GiB"),
        pytest.param(65536, 8192, 4096, id="more than any model takes"),
    ],
)
def test_model_and_pictures_share_what_images_that_wait_leave(monkeypatch, limit_mib, looker_mib, drawer_mib):
    monkeypatch.setattr(settings, "read_memory_limit", lambda: limit_mib and limit_mib * MIB)
    assert share_memory(LIMITS, 100_000_000) == Shares(looker_mib * MIB, drawer_mib * MIB)


def test_the_pod_of_deploy_has_room_for_the_largest_jpeg_and_its_picture(monkeypatch):
    """100 megapixels in 60 MB took the model's process under 512 MiB and that of pictures under 448."""
    pod = next(yaml.safe_load_all((ROOT / "deploy/serve.yaml").read_text(encoding="utf-8")))
    memory = pod["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    monkeypatch.setattr(settings, "read_memory_limit", lambda: int(memory.removesuffix("Gi")) * 1024 * MIB)
    shares = share_memory(Limits(SIZE_LIMIT_MB * MIB, WAITING, DEADLINE_S, READ_S), 100_000_000)
    assert shares.looker_bytes >= 512 * MIB
    assert shares.drawer_bytes >= 448 * MIB


def test_a_container_that_images_would_fill_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(settings, "read_memory_limit", lambda: 1024 * MIB)
    with pytest.raises(
        ConfigError, match=r"has 1024 MiB, and 9 images of up to 64 MiB .*: 85 MiB are left .* lower --waiting or"
    ):
        share_memory(LIMITS, 100_000_000)


FILE = b'Content-Disposition: form-data; name="image"; filename="reef.jpg"\r\n\r\n'
FIELD = b'Content-Disposition: form-data; name="note"\r\n\r\n'


@pytest.mark.parametrize(
    ("form", "data"),
    [
        pytest.param(b"--x\r\n" + FILE + b"\xff\r\n--\xd8\r\n--x--\r\n", b"\xff\r\n--\xd8", id="bytes like delimiters"),
        pytest.param(b"\r\n--x \t\r\n" + FILE + b"jpeg\r\n--x--", b"jpeg", id="padded, no end of line"),
        pytest.param(
            b"--x\r\n" + FIELD + b"\r\n--x\r\n" + FILE + b"\r\n--x--", b"", id="an empty field and an empty file"
        ),
        pytest.param(
            b"--x\r\n\r\nplain\r\n" * 19 + b"--x\r\n" + FILE + b"jpeg\r\n--x--", b"jpeg", id="as many parts as may be"
        ),
    ],
)
def test_the_file_of_a_form_is_its_very_bytes(form, data):
    assert open_form("multipart/form-data; boundary=x", bytearray(form)) == ("reef.jpg", data)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        pytest.param(b"--x\r\n\r\n\r\n" * 21 + b"--x--", "more than 20 parts", id="a part too many"),
        pytest.param(
            b"--x" + b" " * MOST_HEAD_BYTES + b"\r\n" + FILE, "no head of at most 4096 bytes", id="padding without end"
        ),
        pytest.param(b"--x\r\nno header\r\n\r\n", "no head of at most", id="a line that is no header"),
        pytest.param(b"--xy\r\n" + FILE, "no head of at most", id="a longer delimiter"),
        pytest.param(b"--x\r\n" + FILE[:20], "a part is cut", id="cut in a head"),
        pytest.param(b"", "does not begin with its boundary", id="nothing"),
    ],
)
def test_a_form_that_costs_much_or_is_none_is_refused(form, words):
    with pytest.raises(NoImageError, match=words):
        open_form("multipart/form-data; boundary=x", bytearray(form))
