"""What a file that is called like an image is instead, told by its first bytes: each has another way out."""

_KINDS = (
    (b"<!doctype html", "an HTML page, as a login or an error page is: download it again"),
    (b"<html", "an HTML page, as a login or an error page is: download it again"),
    (b"<?xml", "XML, as a store's error is: download it again"),
    (b"version https://git-lfs", "a Git LFS pointer: git lfs pull"),
    (b"\0\5\x16\7", "a side file of macOS (AppleDouble): its photo lies beside it"),
    (b"\x1f\x8b", "gzip: unpack it"),
    (b"pk\3\4", "a ZIP archive: unpack it"),
    (b"%pdf", "a PDF"),
    (b"8bps", "a Photoshop file: convert it to JPEG"),
    (b"<svg", "a drawing (SVG)"),
    (b"\xff\x0a", "JPEG XL: convert it to JPEG"),
    (b"\0\0\0\x0cjxl ", "JPEG XL: convert it to JPEG"),
)
"""First bytes, letters small (the formats' own signatures), and what it is."""

_VIDEO, _RAW = b"ftyp", b"ftypcrx "


def tell_other_file(data: bytes) -> str | None:
    """Say what the bytes are; None where their beginning tells nothing."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    for signature, words in _KINDS:
        if start.startswith(signature):
            return words
    if not any(data[:4096]):
        return "zeros: its upload or its card failed"
    if data[4:12] == _RAW:
        return "a raw photo (CR3): convert it to JPEG"
    return "a video, or a photo in a video's container" if data[4:8] == _VIDEO else None
