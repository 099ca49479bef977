"""What a file is that should be an ONNX model, told by its first bytes: both sides say the same of it."""

from shoal.contract.model_info import EXPORT_HINT

HEAD_BYTES = 512
"""As many first bytes as `describe_bytes` wants to see."""

MODEL_FILE = "model.onnx"
"""Name of the graph of a version, in the folder of the version."""

MODEL_BYTES = 1024**3
"""A model of more bytes is not read, unless `model.size_limit` says otherwise: the largest YOLOv8 has 273 MB in fp32."""
MOST_GRAPH_BYTES = 2**31 - 1
"""No ONNX file has more: it is one message of protobuf's."""
MOST_MODEL_BYTES = 16 * 1024**3
"""Most that `model.size_limit` may be: the file, and the weights beside it."""

_PYTORCH = "give Shoal the exported file, not best.pt; " + EXPORT_HINT
_AGAIN = "upload the model itself again"
_WHOLE = "its upload may have broken off: compare its size, and upload it again"

# Sources of the first bytes: PKWARE's APPNOTE 4.3.7, Python's pickletools (PROTO), git-lfs docs/spec.md, the schema of TFLite
# (file_identifier), the HDF5 format (superblock), TensorRT's serialised engine, ultralytics' engine (length and JSON before it).
_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive, as PyTorch's .pt files are", _PYTORCH),
    (b"\x80\x02", "a Python pickle, as old .pt files of PyTorch are", _PYTORCH),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it points to", "fetch it first: git lfs pull"),
    (b"ftrt", "a TensorRT engine, made for one GPU", EXPORT_HINT),
    (b"ptrt", "a TensorRT engine, made for one GPU", EXPORT_HINT),
    (b"\x89HDF", "an HDF5 file, as Keras writes", EXPORT_HINT),
    (b"\x1f\x8b", "compressed by gzip", "unpack it and upload what is in it"),
    (b"{", "JSON text", _AGAIN),
)
_PAGES = (b"<!doctype html", b"<html")


def describe_bytes(head: bytes, size_bytes: int) -> str:
    """Say in one line what a file is that cannot be read as ONNX, and what helps.

    Args:
        head: Its first bytes.
        size_bytes: Its whole size.
    """
    if size_bytes == 0:
        return f"Model file of 0 bytes is empty: its upload failed - {_AGAIN}"
    what, way_out = _name(head)
    return f"Model file of {size_bytes} bytes is {what} - {way_out}"


def _name(head: bytes) -> tuple[str, str]:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    signs = (
        (text.startswith(_PAGES), "an HTML page, as a login or an error page is", _AGAIN),
        (text.startswith(b"<?xml"), "XML, as a store's error or OpenVINO's graph is", _AGAIN),
        *((head.startswith(start), what, way_out) for start, what, way_out in _STARTS),
        (head[4:8] == b"TFL3", "a TensorFlow Lite model", EXPORT_HINT),
        (head[4:5] == b"{", "a TensorRT engine of ultralytics, made for one GPU", EXPORT_HINT),
        (head[8:10] == b'{"', "safetensors: weights without a graph", EXPORT_HINT),
        # An ONNX file begins with its IR version: field 1, a small number.
        (head[:1] == b"\x08" and head[1:2] < b"\x20", "ONNX that is damaged or ends early", _WHOLE),
    )
    return next(((what, way_out) for fits, what, way_out in signs if fits), ("not ONNX", EXPORT_HINT))
