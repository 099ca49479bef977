"""Under which file name a mounted bucket shows a key, and which keys it cannot show.

rclone shows control characters by their pictures (a tab as U+2409), and a picture that is in the key with a quotation mark before
it: https://rclone.org/overview/#restricted-characters. A key that is looked for under its own name is not there.
"""

from shoal.stores.images import ImageUnnamable, why_not_text

_QUOTE = "\u201b"
_PICTURES = {code: chr(0x2400 + code) for code in range(1, 0x20)} | {0x7F: "\u2421"}
_SHOWN = {**_PICTURES, **{ord(picture): _QUOTE + picture for picture in _PICTURES.values()}}
_RCLONE_S_OWN = (_QUOTE, "\uff0f", "\u2400")
"""With these rclone writes names of its own, and does not always find the key again."""
_NORMALISED = frozenset({"", ".", "..", "\uff0e", "\uff0e\uff0e"})
NAME_BYTES = 255

MAYBE_UNSHOWN = r"[\x00-\x1f\x7f\x{2400}-\x{2421}\x{201b}\x{ff0f}\x{ff0e}]|//|^/|(^|/)\.\.?(/|$)"
"""RE2: what every key that is not shown matches unless it is longer than a file name, and few others do: `why_unshown` judges."""


def mounted_path(key: str) -> str:
    """Write the path below a mount's root under which a key lies.

    Raises:
        ImageUnnamable: A mount cannot show it; direct transfer reads it.
    """
    if reason := why_not_text(key):
        raise ImageUnnamable(f"Key {key!r} {reason} - rename the object")
    if reason := why_unshown(key):
        raise ImageUnnamable(f"Key {key!r} {reason} - read it with transfer: direct, or rename the object")
    return key.translate(_SHOWN)


def why_unshown(key: str) -> str:
    """Say why no mount can show a key; empty where it can."""
    if "\0" in key:
        return "has a zero byte, which no file name can have"
    if not _NORMALISED.isdisjoint(key.split("/")):
        return "has an empty part, or one of dots, which a path loses"
    if any(own in key for own in _RCLONE_S_OWN):
        return "has a character that rclone writes for another one"
    longest = max(len(part.encode()) for part in key.translate(_SHOWN).split("/"))
    return f"has a part of {longest} bytes, a file name has {NAME_BYTES}" if longest > NAME_BYTES else ""
