"""What lies in the embedded buckets: the demo's scenes and models, or a person's own photos and model."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from shoal.bucket import BucketClient
from shoal.contract.errors import ConfigError
from shoal.contract.store import StoreAccess
from shoal.embedded.home import CHECKOUT, CONN_ID, Home
from shoal.models import MODEL_FILE, inspect_model

DEMO, OWN = "demo", "own"
DEMO_MODEL = "demo-fish"
BUCKETS = ("demo-images", "demo-results", "demo-models")


@dataclass(frozen=True)
class OwnFiles:
    """A person's own model and photos; None takes the demo's.

    Attributes:
        model: ONNX file.
        images: Folder of photos; it is linked, never copied and never written to.
    """

    model: Path | None
    images: Path | None

    def check(self) -> None:
        """Check that they can be used before anything is started.

        Raises:
            ConfigError: A path is wrong.
            ModelRefusedError: The model is not a detection export.
        """
        if self.model is not None and not self.model.is_file():
            raise ConfigError(f"No model file {self.model} - give MODEL=path/to/best.onnx")
        if self.images is not None and not self.images.is_dir():
            raise ConfigError(f"No folder {self.images} - give IMAGES=/path/to/photos")
        if self.model is not None:
            inspect_model(self.model)


def prepare_folders(home: Home, own: OwnFiles) -> str:
    """Make buckets and dataset files, before the store starts; return the name of the dataset to look at."""
    for name in BUCKETS:
        home.bucket(name).mkdir(exist_ok=True)
    _link(home.datasets / f"{DEMO}.yaml", CHECKOUT / "include" / "datasets" / f"{DEMO}.yaml")
    if own.model is None and own.images is None:
        return DEMO
    _prepare_own(home, own)
    return OWN


def fill_demo(home: Home, access: StoreAccess) -> None:
    """Fill the demo's buckets once; what a person changes there afterwards stays."""
    filled = home.root / "filled"
    if filled.exists():
        return
    from shoal.embedded.bad_files import bad_files  # noqa: PLC0415 - drawing needs OpenCV, a second run does not
    from shoal.embedded.demo_model import VERSIONS, build_demo_model  # noqa: PLC0415
    from shoal.embedded.scenes import demo_scenes  # noqa: PLC0415

    models = BucketClient(access, "demo-models")
    for version, species in VERSIONS.items():
        models.write_bytes(f"{DEMO_MODEL}/{version}/{MODEL_FILE}", build_demo_model(species, version))
    images = BucketClient(access, "demo-images")
    for scene in demo_scenes():
        images.write_bytes(scene.key, scene.jpeg, "image/jpeg")
    for bad in bad_files():
        images.write_bytes(bad.key, bad.data, "image/jpeg")
    filled.touch()


def _prepare_own(home: Home, own: OwnFiles) -> None:
    """Make the dataset `own` of a person's files, next to the demo's."""
    model = {"name": DEMO_MODEL, "version": "v1"}
    if own.model is not None:
        folder = home.bucket("demo-models") / "own-model" / "local"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own.model, folder / MODEL_FILE)
        model = {"name": "own-model", "version": "local"}
    bucket = "demo-images"
    if own.images is not None:
        bucket = "own-images"
        _link(home.bucket(bucket), own.images.absolute())
    dataset = {
        "description": f"Photos of {own.images or 'the demo'} seen by {own.model or 'the demo model'}.",
        "source": {"conn_id": CONN_ID, "bucket": bucket},
        "results": {"conn_id": CONN_ID, "bucket": "demo-results"},
        "models": {"conn_id": CONN_ID, "bucket": "demo-models"},
        "model": model,
        "cluster": {"share": 1.0},
    }
    text = yaml.safe_dump(dataset, sort_keys=False, allow_unicode=True)
    (home.datasets / f"{OWN}.yaml").write_text(text, encoding="utf-8")


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        link.unlink()
    link.symlink_to(target)
