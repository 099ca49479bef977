"""What lies beside photos: patterns as in .gitignore, over whole keys."""

import re
import time
import warnings

import pytest
from hypothesis import example, given, settings
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
        pytest.param(("*/",), "a/b.jpg", "*/", id="all that lies in folders"),
        pytest.param(("*/",), "b.jpg", None, id="and not what lies at the root"),
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


def pathspec_of(entry):
    return GitIgnoreBasicPattern(f"\\{entry}" if entry.startswith("#") else entry)


@given(st.lists(ENTRIES.filter(readable), max_size=6), st.lists(KEYS, min_size=1, max_size=8))
@example(["a/b", "!a/b/a", "a/b/a/a"], ["a/b/b", "a/b/a", "a/b/a/b", "a/b/a/a/b", "a/b\n", "b/a/b"])
@example(["/a/b", "a//b", "#a/b", "a/b "], ["a/b/a", "a//b/a", "#a/b/a", "a/b /a"])
def test_each_key_has_the_answer_of_the_last_pattern_that_matches(entries, keys):
    """Pathspec's own patterns, one after the other; the class asks them in a quicker order."""
    patterns = [pathspec_of(text) for text in (*DEFAULTS, *entries)]
    ignored = Ignored(entries)
    for key in keys:
        hits = [pattern.include for pattern in patterns if pattern.regex and pattern.match_file(key)]
        assert (ignored.line_of(key) is not None) == (key in entries or bool(hits and hits[-1])), key


ODD = st.text("aAzé\u0301\U0001f41f/*?[]^!-:\\.$&|~ #\n\t\0", max_size=8)


@settings(max_examples=400)
@given(ODD, ODD)
@example("[[:a:]*]", ":*]")
@example("a?[!é-\U0001f41f]", "aé\n")
@example("*é", "a/e\u0301/bé\n")
@example("a\\\nb", "a\nb")
@example("*/", "a/b")
@example("*", "\na")
def test_re2_finds_what_pythons_own_engine_found(entry, key):
    """Anchors, classes and letters beyond ASCII; Python warns of classes that may once mean something else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            python = pathspec_of(entry)
        except (ValueError, re.error):
            with pytest.raises(ValueError, match="is no pattern"):
                read_line(entry)
            return
    ours = read_line(entry).regex
    if python.regex is None:
        assert ours is None
    else:
        assert (ours.match(key) is not None) == (python.regex.search(key) is not None)


@pytest.mark.parametrize(
    "entry",
    ["*a*a*a*a*a*a*a*a*b", "**/a/**/a/**/a/**/a/**/a/b", "?*?*?*?*?*?*?*?*/b", "[ab]*[ab]*[ab]*[ab]*[ab]*!"],
    ids=["stars", "folders", "single letters", "classes"],
)
@pytest.mark.parametrize("key", ["a" * 1000 + ".jpg", "a/" * 500 + "c.jpg"], ids=["one name", "many folders"])
def test_a_pattern_and_a_key_made_for_each_other_take_no_time(entry, key):
    """A thousand such keys in two seconds of a processor; Python's own engine did not end with one."""
    ignored = Ignored((entry, f"!{entry}"))
    began = time.thread_time()
    for number in range(1000):
        assert ignored.line_of(f"{number % 2}{key}") is None
    assert time.thread_time() - began < 2


def test_thousands_of_patterns_are_read():
    entries = [f"*_preview_{'x' * 60}{number}.jpg" for number in range(3000)]
    assert Ignored(entries).line_of(f"a/b_preview_{'x' * 60}2999.jpg") == entries[-1]


@pytest.mark.parametrize("entry", ["\\", "[z-a]"], ids=["nothing behind the backslash", "a range backwards"])
def test_an_entry_that_is_no_pattern_is_refused(entry):
    with pytest.raises(ValueError, match=r"is no pattern as in \.gitignore: .* makes it a letter like others"):
        read_line(entry)
