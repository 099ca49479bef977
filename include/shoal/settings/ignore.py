"""What lies beside photos and looks like one: patterns of keys that are out of scope, as in a .gitignore file.

Patterns see whole keys, as every list of Shoal's prints them. The last one that matches decides. Unlike git's, a line `!…` also
lets in again what lies in a folder that is left out. An entry that equals a listed key, letter by letter,
leaves out that key and is no pattern; a leading `#` is part of the name, not a comment.

Pathspec knows git's rules, RE2 runs them: whoever names an object chooses what a pattern is tried on, and `*a*a*a*b` on a name of
a thousand `a` takes Python's own engine hours. RE2's time is linear in a key's length, whatever the pattern.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import Protocol

DEFAULTS = (
    # macOS, https://support.apple.com/102064 and what Finder leaves on shares
    "._*", ".DS_Store", ".AppleDouble/", "__MACOSX/", ".Trashes/", ".Spotlight-V100/", ".fseventsd/", ".TemporaryItems/",
    # Windows
    "Thumbs.db", "$RECYCLE.BIN/", "RECYCLER/", "System Volume Information/",
    # Linux and Android
    ".Trash*/", ".thumbnails/", "lost+found/", ".trashed-*",
    # Synology, QNAP, Western Digital, Samba, snapshots of file servers
    "@eaDir/", "#recycle/", "#snapshot/", "@tmp/", ".@__thumb/", "@Recycle/", "@Recently-Snapshot/", ".wdmc/", ".recycle/",
    ".snapshot/", ".zfs/",
    # photo managers and tools that synchronise; Apple Photos keeps smaller and edited copies beside its originals
    ".picasaoriginals/", ".dtrash/", ".stversions/", ".dropbox.cache/", "**/resources/derivatives/", "**/resources/renders/",
)  # fmt: skip
"""Side files, thumbnails and recycle bins; they stand before a dataset's own lines."""


NO_PATH = -1
"""Before all positions of entries."""

_SPECIAL = frozenset("*?[]!\\")
_TOKEN = re.compile(r"\\.|(?P<opened>\[\^?\]?)(?P<members>[^\]]*\])|(?P<end>\$)", re.DOTALL)
"""What RE2 reads otherwise than Python, for which pathspec writes: `[:` within a class, and the end."""
_ANYWHERE = {".": r"\n*.", "/": "[^/]*/"}
"""What pathspec searches in a key instead of matching it from its first letter: for `*` and for `*/`."""
_TEXT_AT_ONCE = 64 * 1024
"""Characters of patterns that are one expression: RE2 has 8 MiB for each."""


class Regex(Protocol):
    """An expression of RE2's, which has no types of its own."""

    pattern: str

    def match(self, text: str) -> object | None:
        """Try it from the text's first letter on; None where it does not match."""


def compile_linear(pattern: str) -> Regex:
    """Compile an expression whose matching takes time linear in what it is tried on.

    Raises:
        ValueError: RE2 cannot read it.
    """
    import re2  # noqa: PLC0415 - only where keys are judged

    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Regex = re2.compile(pattern, options)
    except re2.error as err:
        said = err.args[0].decode(errors="replace") if isinstance(err.args[0], bytes) else str(err)
        raise ValueError(said) from err
    return compiled


@dataclass(frozen=True)
class Line:
    """One entry: as it was written, whether it lets in again, and what it matches; None matches the entry's own key only."""

    text: str
    lets_in: bool
    regex: Regex | None


@cache
def read_line(text: str) -> Line:
    """Read one entry.

    Raises:
        ValueError: It is no pattern.
    """
    from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern  # noqa: PLC0415 - only where keys are judged

    try:
        written, leaves_out = GitIgnoreBasicPattern.pattern_to_regex(f"\\{text}" if text.startswith("#") else text)
        regex = None if written is None else compile_linear(_ANYWHERE.get(written) or _TOKEN.sub(_for_re2, written))
    except ValueError as err:
        raise ValueError(
            f"{text!r} is no pattern as in .gitignore: {err} - \\ before * ? [ ] ! or \\ makes it a letter like others"
        ) from err
    return Line(text, leaves_out is False, regex)


def _for_re2(token: re.Match[str]) -> str:
    if token["end"]:
        return r"(?:\n?\z)"  # a line's end before the end counts as the end, as in Python
    return token[0] if token["opened"] is None else token["opened"] + token["members"].replace("[", r"\[")


class Ignored:
    """Tells which entry leaves a key out; quick where none does, as for most of a hundred million keys.

    Args:
        entries: A dataset's own lines, which follow the defaults.
        keys: Those of them that are known to be keys, and so no patterns.
    """

    def __init__(self, entries: Sequence[str], keys: AbstractSet[str] = frozenset()) -> None:
        self._keys = frozenset(entries)
        self._texts = (*DEFAULTS, *(entry for entry in entries if entry not in keys))
        # As a branch of one expression each of thousands of paths would be tried on every key.
        paths = [_path_of(text) for text in self._texts]
        self._paths = {path: position for position, path in enumerate(paths) if path}
        read = [(position, read_line(text)) for position, text in enumerate(self._texts) if not paths[position]]
        self._lines = [(position, line) for position, line in read if line.regex is not None]
        leaving_out = [line for _, line in self._lines if not line.lets_in]
        # A line without a slash before its end says something about one name on the way; of the others, one that ends with a
        # slash says something about the folder, and only what is left about the whole key.
        on_names = [line for line in leaving_out if "/" not in line.text.rstrip("/")]
        on_folders = [line for line in leaving_out if line.text.endswith("/")]
        self._names = _any_of([line for line in on_names if line not in on_folders])
        self._folders = _any_of([*on_names, *(line for line in on_folders if line not in on_names)])
        self._whole = _any_of([line for line in leaving_out if line not in on_names and line not in on_folders])
        self._folder, self._folder_hit, self._folder_path = "", False, NO_PATH

    def line_of(self, key: str) -> str | None:
        """Name the entry that leaves a key out; None where it is in scope."""
        line = self.deciding(key)
        return None if line is None or line.lets_in else line.text

    def deciding(self, key: str) -> Line | None:
        """Find the entry that leaves a key out or lets it in again; None where none says anything of it."""
        if key in self._keys:
            return Line(key, lets_in=False, regex=None)
        cut = key.rfind("/") + 1
        folder = key[:cut]
        if folder != self._folder:  # keys come in order: a folder is judged once
            self._folder, self._folder_hit = folder, _match(self._folders, folder)
            self._folder_path = self._path_above(folder)
        path = max(self._folder_path, self._paths.get(key.removesuffix("\n"), NO_PATH))  # as `$` does in the patterns
        if not (path != NO_PATH or self._folder_hit or _match(self._names, key[cut:]) or _match(self._whole, key)):
            return None
        for position, line in reversed(self._lines):
            if position < path:
                break
            if line.regex is not None and line.regex.match(key):
                return line
        return None if path == NO_PATH else read_line(self._texts[path])

    def _path_above(self, folder: str) -> int:
        """Find the last of the paths that name a folder or one above it."""
        found, cut = NO_PATH, folder.find("/")
        while self._paths and cut >= 0:
            found = max(found, self._paths.get(folder[:cut], NO_PATH))
            cut = folder.find("/", cut + 1)
        return found


def is_path(text: str) -> bool:
    """Whether an entry is a path from the root, letter by letter: it means one place, whatever is listed."""
    return bool(_path_of(text))


def _path_of(text: str) -> str:
    """Read an entry that is a path from the root, letter by letter; empty where it is a pattern or ends with a slash."""
    path = text.removeprefix("/")
    is_path = "/" in path.strip("/") and not path.endswith("/") and path == path.rstrip()
    return path if is_path and _SPECIAL.isdisjoint(path) else ""


def _any_of(lines: Sequence[Line]) -> list[Regex]:
    """Make few expressions of many; each is as long as RE2 takes well."""
    texts: list[list[str]] = []
    room = 0
    for pattern in [f"(?:{line.regex.pattern})" for line in lines if line.regex is not None]:
        room -= len(pattern)
        if room < 0:
            texts.append([])
            room = _TEXT_AT_ONCE - len(pattern)
        texts[-1].append(pattern)
    return [compile_linear("|".join(some)) for some in texts]


def _match(regexes: Sequence[Regex], text: str) -> bool:
    return any(regex.match(text) for regex in regexes)
