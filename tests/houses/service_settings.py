"""What the dataset files of tests say of somebody's own program as the model."""

from typing import Any

DIGEST = f"sha256:{'5e' * 32}"
IMAGE = f"registry.example.org/reef-module@{DIGEST}"
MAPPING = "predictions.predictions[].{class: label, confidence: score, xyxy: box}"
SCRIPT = 'python /opt/tool/bright.py "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR"\n'


def deepaas(**changes: Any) -> dict[str, Any]:
    """The module of `tests/houses/services/reef-module`, in pods; None leaves a line out."""
    lines = {"kind": "deepaas", "image": IMAGE, "task": "detect", "names": ["bright thing"], "mapping": MAPPING}
    return {name: value for name, value in {**lines, **changes}.items() if value is not None}


def oscar(**changes: Any) -> dict[str, Any]:
    """The script of `tests/houses/services/reef-script`, in pods."""
    mapping = "objects[].{class: name, confidence: score, xyxy: box}"
    return deepaas(**{"kind": "oscar", "script": SCRIPT, "mapping": mapping, **changes})
