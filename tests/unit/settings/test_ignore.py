"""What lies beside photos: patterns as in .gitignore, over whole keys."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern

from shoal.settings.ignore import DEFAULTS, Ignored, read_line

NAMES = st.text("ab.#* !\n", min_size=1, max_size=2) | st.sampled_from(["@eaDir", "._a"])
KEYS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
ENTRIES = st.builds("{}{}{}".format, st.sampled_from(["", "/", "!"]), KEYS, st.sampled_from(["", "", "/"]))


@pytest.mark.parametrize(
    ("entries", "key", "line"),
    [
        pytest.param((), "a/20260601-100000-CAM1.jpg", None, id="a photo"),
        pytest.param((), "a/._IMG_1.jpg", "._*", id="a Mac's side file"),
        pytest.param((), "a/@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg", "@eaDir/", id="a Synology thumbnail"),
        pytest.param((), "#recycle/b.jpg", "#recycle/", id="a leading # is part of the name"),
        pytest.param((), ".Trash-1000/files/b.jpg", ".Trash*/", id="a recycle bin of Linux"),
        pytest.param((), "eaDir/b.jpg", None, id="a name that is almost one"),
        pytest.param((), "Mac.photoslibrary/originals/0/0A.jpeg", None, id="a photo of Apple Photos"),
        pytest.param(
            (),
            "Mac.photoslibrary/resources/derivatives/0/0A_1_105_c.jpeg",
            "**/resources/derivatives/",
            id="its smaller copy",
        ),
        pytest.param((), "resources/renders/0/0A.jpeg", "**/resources/renders/", id="its edited copy, at the root"),
        pytest.param(("/2024/raw/",), "2024/raw/a/b.jpg", "/2024/raw/", id="a folder from the bucket's root"),
        pytest.param(("/2024/raw/",), "x/2024/raw/b.jpg", None, id="and not one below another"),
        pytest.param(("!._*",), "a/._IMG_1.jpg", None, id="let in again"),
        pytest.param(("!*",), "@eaDir/b.jpg", None, id="everything let in again"),
        pytest.param(("night [1].jpg",), "night [1].jpg", "night [1].jpg", id="a key with a space and brackets"),
        pytest.param(("!odd.jpg",), "!odd.jpg", "!odd.jpg", id="a key with a leading !"),
        pytest.param(("/a/b.jpg",), "/a/b.jpg", "/a/b.jpg", id="a key with a leading slash"),
        pytest.param(("/a/*.jpg",), "a/b.jpg", "/a/*.jpg", id="from the bucket's root"),
        pytest.param(("/a/*.jpg",), "c/a/b.jpg", None, id="and not below it"),
        pytest.param(("*.jpg", "!keep/*.jpg"), "keep/b.jpg", None, id="the last line that matches decides"),
    ],
)
def test_an_entry_leaves_out_a_key_or_what_its_pattern_matches(entries, key, line):
    assert Ignored(entries).line_of(key) == line


def readable(entry):
    try:
        read_line(entry)
    except ValueError:
        return False
    return True


@given(st.lists(ENTRIES.filter(readable), max_size=6), st.lists(KEYS, min_size=1, max_size=8))
@example(["a/b", "!a/b/a", "a/b/a/a"], ["a/b/b", "a/b/a", "a/b/a/b", "a/b/a/a/b", "a/b\n", "b/a/b"])
@example(["/a/b", "a//b", "#a/b", "a/b "], ["a/b/a", "a//b/a", "#a/b/a", "a/b /a"])
def test_each_key_has_the_answer_of_the_last_pattern_that_matches(entries, keys):
    """Pathspec's own patterns, one after the other; the class asks them in a quicker order."""
    patterns = [GitIgnoreBasicPattern(f"\\{text}" if text.startswith("#") else text) for text in (*DEFAULTS, *entries)]
    ignored = Ignored(entries)
    for key in keys:
        hits = [pattern.include for pattern in patterns if pattern.regex and pattern.regex.match(key)]
        assert (ignored.line_of(key) is not None) == (key in entries or bool(hits and hits[-1])), key


def test_an_entry_that_is_no_pattern_is_refused():
    with pytest.raises(ValueError, match=r"is no pattern as in \.gitignore"):
        read_line("\\")
