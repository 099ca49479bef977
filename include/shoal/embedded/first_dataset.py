"""A dataset file to begin with: ten lines, for photos in the embedded store, and the buckets that it names."""

import re
from pathlib import Path

from shoal.contract.errors import ConfigError
from shoal.contract.model_file import MODEL_FILE
from shoal.embedded.fill import DEMO_MODEL
from shoal.embedded.home import CONN_ID, Home
from shoal.settings.checkout import EXAMPLES
from shoal.settings.dataset import DATASET_NAME

MODELS = "demo-models"
TEMPLATE = """\
# Dataset {name}, on this machine. Try it: {run} check {name}. Run it: {run} up, then trigger reanalyse_{name}.
# Photos: copy them, or link their folders (ln -s /my/photos), into {photos} - they are only read.
# Your model: {models}/<name>/<version>/{model_file}, exported by: yolo export model=best.pt format=onnx dynamic=True
# Every field there is, with its meaning: {example}
source: {{conn_id: {conn_id}, bucket: {images}}}
results: {{conn_id: {conn_id}, bucket: {results}}}
models: {{conn_id: {conn_id}, bucket: {models_bucket}}}
model: {{name: {model}, version: v1}}  # knows generated scenes only: name yours
clock: [{{pattern: '(?P<time>\\d{{8}}-\\d{{6}})-(?P<camera>[^/]+?)(?:\\.[^./]*)?$', zone: UTC}}, {{exif: true}}]
cluster: {{share: 1.0}}  # of this machine
"""


def write_first_dataset(home: Home, name: str) -> Path:
    """Write the file, make its buckets, and put the demo's model where it is looked for; return the folder for photos.

    Raises:
        ConfigError: There is one of that name, it is none that a dataset can have, or nothing can be written there.
    """
    if not re.fullmatch(DATASET_NAME, name):
        raise ConfigError(
            f"{name!r} names no dataset - lower case, digits, _ and -, at most 63: python -m shoal init photos"
        )
    path = home.datasets / f"{name}.yaml"
    if path.exists():
        raise ConfigError(f"{path} is there already - edit it, or give another name: python -m shoal init NAME")
    home.make()
    stem = name.replace("_", "-")[:50].strip("-") or "photos"  # a bucket's name is shorter and has no _
    images, results = f"{stem}-images", f"{stem}-results"
    for bucket in (images, results, MODELS):
        home.bucket(bucket).mkdir(exist_ok=True)
    _put_demo_model(home)
    text = TEMPLATE.format(
        name=name, run="python -m shoal", photos=home.bucket(images), models=home.bucket(MODELS), model_file=MODEL_FILE,
        example=EXAMPLES / "obsea.yaml", conn_id=CONN_ID, images=images, results=results, models_bucket=MODELS,
        model=DEMO_MODEL,
    )  # fmt: skip
    path.write_text(text, encoding="utf-8")
    return home.bucket(images)


def _put_demo_model(home: Home) -> None:
    file = home.bucket(MODELS) / DEMO_MODEL / "v1" / MODEL_FILE
    if file.exists():
        return
    from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model  # noqa: PLC0415 - once only

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(build_demo_model(VERSIONS["v1"], "v1"))
