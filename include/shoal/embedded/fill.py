"""What lies in the embedded buckets: the demo's scenes and models, or a person's own photos and model."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from shoal.contract.model_file import MODEL_FILE
from shoal.embedded.home import CONN_ID, Home
from shoal.embedded.own_files import OwnFiles
from shoal.settings.analysis import Clock
from shoal.settings.checkout import EXAMPLES, find_checkout
from shoal.settings.dataset_files import load_dataset
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.written.yaml_text import read_yaml

DEMO = "demo"
DEMO_MODEL = "demo-fish"
ONLY_SCENES = f"Model {DEMO_MODEL} knows generated scenes only and finds nothing in real photos: give MODEL=best.onnx."
BUCKETS = ("demo-images", "demo-results", "demo-models")
_HEADER = "# Made for {images}. Yours to edit: only source, and model when MODEL is given, are set anew.\n"


def prepare_folders(home: Home, own: OwnFiles) -> str:
    """Make buckets and dataset files, before the store starts; return the name of the dataset to look at.

    Raises:
        ConfigError: A dataset file that a person edited is broken.
    """
    for name in BUCKETS:
        home.bucket(name).mkdir(exist_ok=True)
    _show_demo_file(home.datasets / f"{DEMO}.yaml", EXAMPLES / f"{DEMO}.yaml")
    if own.model is None and own.images is None:
        return DEMO
    if own.model is not None:
        own.model.copy_to(home.bucket("demo-models") / own.model.name / own.model.version)
    _write_dataset(home, own)
    return own.dataset_name


def fill_demo(home: Home, access: StoreAccess, before: Callable[[], None] = lambda: None) -> None:
    """Fill the demo's buckets once; what a person changes there afterwards stays. `before` is called when there is work."""
    filled = home.root / "filled"
    if filled.exists():
        return
    before()
    from shoal.embedded.samples.bad_files import bad_files  # noqa: PLC0415 - drawing needs OpenCV, a second run does not
    from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model  # noqa: PLC0415
    from shoal.embedded.samples.scenes import demo_scenes  # noqa: PLC0415

    models = S3Store(access, "demo-models")
    for version, species in VERSIONS.items():
        models.write_bytes(f"{DEMO_MODEL}/{version}/{MODEL_FILE}", build_demo_model(species, version))
    images = S3Store(access, "demo-images")
    for scene in demo_scenes():
        images.write_bytes(scene.key, scene.jpeg, "image/jpeg")
    for bad in bad_files():
        images.write_bytes(bad.key, bad.data, "image/jpeg")
    filled.touch()


def _show_demo_file(file: Path, example: Path) -> None:
    """Link the checkout's example; of an installed package, which is nobody's to edit, give a copy."""
    if find_checkout() is not None:
        _link(file, example)
    elif not file.exists():
        shutil.copyfile(example, file)


def _write_dataset(home: Home, own: OwnFiles) -> None:
    """Write the dataset file of a person's own files, or bring the one they may have edited up to date."""
    path = home.datasets / f"{own.dataset_name}.yaml"
    before: dict[str, Any] = {}
    if path.exists():
        load_dataset(path)
        with path.open("rb") as file:
            before = read_yaml(file)
    source = before.get("source", {})
    if own.images is None:
        source = {**source, "conn_id": CONN_ID, "bucket": "demo-images"}
    elif "bucket" in source:  # of an earlier release: its rows are of the versions that the store tells
        _link(home.bucket(own.dataset_name), own.images.resolve())
    else:
        # The photos were there before the command was given: nobody is asked to wait a minute.
        source = {"settle": "5s", **source, "kind": "folder", "path": str(own.images.resolve())}
    model = before.get("model") or {"name": DEMO_MODEL, "version": "v1"}
    if own.model is not None:
        model = {**model, "name": own.model.name, "version": own.model.version}
    after = {
        "description": "",
        "results": {"conn_id": CONN_ID, "bucket": "demo-results"},
        "models": {"conn_id": CONN_ID, "bucket": "demo-models"},
        "clock": [{"pattern": Clock().pattern, "format": Clock().format, "zone": Clock().zone}, {"exif": True}],
        "cluster": {"share": 1.0},
        **before,
        "source": source,
        "model": model,
    }
    if after["description"] in {"", _describe(own)} or after["description"].endswith(ONLY_SCENES):
        knows_scenes_only = own.model is None and model["name"] == DEMO_MODEL
        after["description"] = f"{_describe(own)} {ONLY_SCENES}" if knows_scenes_only else _describe(own)
    if after != before:
        text = yaml.safe_dump(after, sort_keys=False, allow_unicode=True)
        path.write_text(_HEADER.format(images=own.images or "the demo's photos") + text, encoding="utf-8")


def _describe(own: OwnFiles) -> str:
    return f"Photos of {own.images.resolve() if own.images else 'the demo'}."


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        link.unlink()
    link.symlink_to(target)
