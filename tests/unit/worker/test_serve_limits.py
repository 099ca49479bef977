"""What one client may cost, and what is left to the model."""

import pytest

from shoal.contract.errors import ConfigError
from shoal_worker.serving import settings
from shoal_worker.serving.settings import MIB, Limits, share_memory

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
    ("limit_mib", "share_mib"),
    [
        pytest.param(None, 8192, id="nothing bounds this process"),
        pytest.param(2048, 1152, id="the pod of deploy/serve.yaml"),
        pytest.param(65536, 8192, id="more than any model takes"),
    ],
)
def test_the_model_gets_what_images_that_wait_leave(monkeypatch, limit_mib, share_mib):
    monkeypatch.setattr(settings, "read_memory_limit", lambda: limit_mib and limit_mib * MIB)
    assert share_memory(LIMITS, 100_000_000) == share_mib * MIB


def test_a_container_that_images_would_fill_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(settings, "read_memory_limit", lambda: 1024 * MIB)
    with pytest.raises(
        ConfigError, match=r"has 1024 MiB, and 9 images of up to 64 MiB .*: 128 MiB are left .* lower --waiting or"
    ):
        share_memory(LIMITS, 100_000_000)
