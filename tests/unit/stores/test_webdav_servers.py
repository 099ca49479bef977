"""Stores by rclone on WebDAV servers of other people: `make test-wide`."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from shoal.contract.errors import AccessDeniedError, LoginRefusedError, NoAnswerError
from shoal.stores import rclone_reading
from shoal.stores.images import ImageDenied, ImageMissing
from shoal.stores.kinds import open_store
from webdav import PASSWORD, serving
from webdav_servers import ModDav, Wsgidav

pytestmark = pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"), reason="to fetch and start other servers takes half a minute: make test-wide"
)

NAMES = (
    "a.jpg", "a#b.jpg", "a?b.jpg", "a%20b.jpg", "a+b&c=d.jpg", "two  spaces.jpg", "end .jpg ", "b]r.jpg", "é-nfc.jpg", "e\u0301-nfd.jpg",
    "q\"uo'te.jpg", "back\\slash.jpg", "a;b.jpg", "<x>.jpg", "401/403.jpg", "sub dir#1/🐟.jpg",
)  # fmt: skip
MANY = 100_000


@pytest.fixture(params=[Wsgidav, ModDav])
def server(request):
    """A server over a folder that everybody may read, as Apache is nobody."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        folder = Path(made, "files")
        for key in (*NAMES, "../closed/a.jpg"):
            path = folder / "photos" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"image {key}".encode())
        with serving(folder, request.param) as running:
            yield running


def test_odd_names_refusals_and_a_server_that_starts_anew(server, monkeypatch):
    monkeypatch.setattr(rclone_reading, "PAUSES_S", (0.01,))
    store = open_store(server.access(), "dav:photos")
    listed = list(store.list_objects(whole=True))
    assert [one.key for one in listed] == sorted(NAMES)
    assert list(store.list_objects()) == listed
    for one in listed:
        assert store.read(*one[:3]).data == f"image {one.key}".encode()
    with pytest.raises(ImageMissing):
        store.read("none.jpg", "file:1-1", 1)
    with pytest.raises(LoginRefusedError):
        list(open_store(server.access(password="another"), "dav:photos").list_objects())
    if isinstance(server, ModDav):
        with pytest.raises(AccessDeniedError, match="has no right to it"):
            list(open_store(server.access(), "dav:closed").list_objects())
        with pytest.raises(ImageDenied):
            open_store(server.access(), "dav:").read("closed/a.jpg", "file:1-1", 1)
    server.stop()
    with pytest.raises(NoAnswerError, match="check that the store runs"):
        store.read(*listed[0][:3])
    server.start(PASSWORD)
    assert store.read(*listed[0][:3]).version_checked


def test_a_hundred_thousand_files_in_one_folder_are_listed_in_order(server):
    if not isinstance(server, ModDav):
        pytest.skip("wsgidav takes minutes for them")
    wide = server.folder / "wide"
    wide.mkdir()
    for number in range(MANY):
        (wide / f"{(number * 7919) % MANY:06d}.jpg").write_bytes(b"x")
    keys = open_store(server.access(), "dav:wide").list_keys("")
    shutil.rmtree(wide)
    assert keys == [f"{number:06d}.jpg" for number in range(MANY)]
