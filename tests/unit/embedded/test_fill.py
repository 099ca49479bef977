"""The dataset file of a person's own files: made once, then theirs."""

import pytest
import yaml

from shoal.contract.errors import ConfigError
from shoal.embedded.fill import ONLY_SCENES, fill_demo, prepare_folders
from shoal.embedded.home import Home
from shoal.embedded.own_files import OwnFiles
from shoal.embedded.samples.demo_model import build_demo_model
from shoal.models.trial import judge_model
from shoal.settings.dataset_files import load_dataset
from worker.onnx_models import apart, grid_model


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    for folder in (home.store, home.datasets):
        folder.mkdir(parents=True)
    return home


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "IMG_20260601_120000.jpg").write_bytes(b"")
    return folder


@pytest.fixture
def own_model(tmp_path):
    path = tmp_path / "best of 2026.onnx"
    path.write_bytes(build_demo_model(("Sarpa salpa",), "own"))
    return path


@pytest.fixture
def edited(home, photos):
    """A dataset file whose clock a person has corrected, with a comment."""
    path = home.datasets / f"{prepare_folders(home, OwnFiles.read(None, photos, home))}.yaml"
    text = path.read_text(encoding="utf-8")
    pattern = yaml.safe_load(text)["clock"][0]["pattern"]
    path.write_text(
        text.replace(pattern, r"IMG_(?P<time>\d{8}_\d{6})") + "# names of the old camera\n", encoding="utf-8"
    )
    return path


def test_the_file_shows_the_clock_to_edit(home, photos):
    name = prepare_folders(home, OwnFiles.read(None, photos, home))
    dataset = load_dataset(home.datasets / f"{name}.yaml")
    by_name, by_exif = yaml.safe_load((home.datasets / f"{name}.yaml").read_text())["clock"]
    assert set(by_name) == {"pattern", "format", "zone"}
    assert by_exif == {"exif": True}
    assert (dataset.source.path, dataset.model.name) == (str(photos), "demo-fish")
    assert not home.bucket(name).exists()


def test_photos_that_an_earlier_release_linked_into_the_store_stay_there(home, photos):
    own = OwnFiles.read(None, photos, home)
    path = home.datasets / f"{prepare_folders(home, own)}.yaml"
    settings = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**settings, "source": {"conn_id": "shoal_demo", "bucket": own.dataset_name}}))
    prepare_folders(home, own)
    assert load_dataset(path).source.bucket == own.dataset_name
    assert (home.bucket(own.dataset_name) / "IMG_20260601_120000.jpg").exists()


def test_what_lies_beside_an_own_model_goes_with_it_and_names_its_version(home, tmp_path):
    graph, weights = apart(grid_model(metadata={"names": None}), "best.data")
    (tmp_path / "best.onnx").write_bytes(graph)
    (tmp_path / "best.data").write_bytes(weights)
    versions = set()
    for names in ("[fish, crab]", "[crab, fish]"):
        (tmp_path / "model.yaml").write_text(f"names: {names}\n")
        own = OwnFiles.read(tmp_path / "best.onnx", None, home)
        prepare_folders(home, own)
        folder = home.bucket("demo-models") / "best" / own.model.version
        assert sorted(path.name for path in folder.iterdir()) == ["best.data", "model.onnx", "model.yaml"]
        assert judge_model(folder / "model.onnx").files == own.model.beside
        versions.add(own.model.version)
    assert len(versions) == 2


def test_the_file_says_that_the_demo_s_model_knows_no_real_photos_until_there_is_another(home, photos, own_model):
    path = home.datasets / f"{prepare_folders(home, OwnFiles.read(None, photos, home))}.yaml"
    assert load_dataset(path).description == f"Photos of {photos}. {ONLY_SCENES}"
    prepare_folders(home, OwnFiles.read(own_model, photos, home))
    assert load_dataset(path).description == f"Photos of {photos}."


def test_an_edited_file_is_kept_as_it_is(home, photos, edited):
    before = edited.read_text(encoding="utf-8")
    prepare_folders(home, OwnFiles.read(None, photos, home))
    assert edited.read_text(encoding="utf-8") == before


def test_a_new_model_is_set_and_the_other_edits_stay(home, photos, own_model, edited):
    prepare_folders(home, OwnFiles.read(own_model, photos, home))
    dataset = load_dataset(edited)
    assert dataset.clock.pattern == r"IMG_(?P<time>\d{8}_\d{6})"
    assert dataset.model.name == "best-of-2026"
    assert (home.bucket("demo-models") / dataset.model.name / dataset.model.version / "model.onnx").exists()


def test_an_edit_that_cannot_be_used_is_refused_before_anything_starts(home, photos, edited):
    edited.write_text(edited.read_text(encoding="utf-8").replace("clock:", "clocks:"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"own-photos-\w{6}.yaml: clocks: no such field"):
        prepare_folders(home, OwnFiles.read(None, photos, home))


def test_drawing_scenes_is_said_before_it_begins_and_only_then(home):
    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fill_demo(home, None, stop)
    (home.root / "filled").touch()
    fill_demo(home, None, stop)
