"""A person's own photos: what is refused before anything is started, and how their dataset is named."""

from pathlib import Path

import pytest

from shoal.contract.errors import ConfigError
from shoal.embedded.home import Home
from shoal.embedded.own_files import OwnFiles


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def photos(tmp_path):
    """A folder with one photo."""
    folder = tmp_path / "Fotos de 2024"
    folder.mkdir()
    (folder / "a.JPG").write_bytes(b"")
    return folder


def test_photos_of_two_folders_are_two_datasets(home, photos, tmp_path):
    other = tmp_path / "elsewhere" / photos.name
    other.mkdir(parents=True)
    (other / "b.jpg").write_bytes(b"")
    names = [OwnFiles.read(None, folder, home).dataset_name for folder in (photos, other)]
    assert [name[:17] for name in names] == ["own-fotos-de-2024"] * 2
    assert names[0] != names[1]


def test_a_folder_without_photos_is_refused_by_its_name(home, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match=r"^/.*empty holds no photos: none of its 0 files"):
        OwnFiles.read(None, empty, home)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(["a.HEIC", "b.NEF", "c.xmp"], r"none of its 3 files .* - not looked at: 2 photos .*\(\.heic 1, \.nef 1\) - HEIC is not read: mag.*; convert raw", id="iPhone"),
        pytest.param(["GH010001.MP4", "GH010001.LRV"], r"- not looked at: 1 video \(\.mp4 1\) - frames of one are made by ffmpeg -i", id="GoPro"),
        pytest.param(["Thumbs.db", "desktop.ini"], r"none of its 2 files .* - give the folder they lie in$", id="nothing"),
    ],
)  # fmt: skip
def test_a_folder_without_photos_says_what_lies_there_instead(home, tmp_path, names, message):
    folder = tmp_path / "card"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"x")
    with pytest.raises(ConfigError, match=message):
        OwnFiles.read(None, folder, home)


def test_a_file_in_place_of_a_folder_is_said(home, photos):
    with pytest.raises(ConfigError, match=r"^/.*a\.JPG is a file - give the folder it lies in"):
        OwnFiles.read(None, photos / "a.JPG", home)


def test_links_alone_are_no_photos_and_said(home, photos, tmp_path):
    (photos / "loop").symlink_to(photos)
    assert OwnFiles.read(None, photos, home).images == photos
    (photos / "a.JPG").rename(tmp_path / "a.JPG")
    (photos / "b.jpg").symlink_to(tmp_path / "a.JPG")
    with pytest.raises(
        ConfigError, match=r"holds no photos: none of its 0 files .* - not followed: 2 links in the folder - name"
    ):
        OwnFiles.read(None, photos, home)


def test_a_folder_of_a_phone_is_told_how_its_photos_become_readable(home, tmp_path):
    folder = tmp_path / "phone"
    folder.mkdir()
    (folder / "IMG_0001.HEIC").write_bytes(b"")
    with pytest.raises(
        ConfigError, match=r"holds no photos: none of its 1 files .* - not looked at: 1 photo .*HEIC is not read: mag"
    ):
        OwnFiles.read(None, folder, home)


def test_a_tilde_is_the_person_s_folder(home, photos, monkeypatch):
    monkeypatch.setenv("HOME", str(photos.parent))
    assert OwnFiles.read(None, Path("~") / photos.name, home).images == photos


def test_a_folder_around_shoal_s_own_is_refused(home, tmp_path):
    home.root.mkdir()
    with pytest.raises(ConfigError, match=r"lie one in the other - give a folder of photos outside"):
        OwnFiles.read(None, tmp_path, home)
