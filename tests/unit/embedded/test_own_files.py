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
    with pytest.raises(ConfigError, match=r"IMAGES=.*empty holds no photos: none of its 0 files"):
        OwnFiles.read(None, empty, home)


def test_a_tilde_is_the_person_s_folder(home, photos, monkeypatch):
    monkeypatch.setenv("HOME", str(photos.parent))
    assert OwnFiles.read(None, Path("~") / photos.name, home).images == photos


def test_a_folder_around_shoal_s_own_is_refused(home, tmp_path):
    home.root.mkdir()
    with pytest.raises(ConfigError, match=r"lie one in the other - give a folder of photos outside"):
        OwnFiles.read(None, tmp_path, home)


def test_a_folder_that_leads_back_to_itself_is_refused(home, photos):
    (photos / "loop").symlink_to(photos)
    with pytest.raises(ConfigError, match=r"the photos never end - remove that link"):
        OwnFiles.read(None, photos, home)
