"""A dataset file that is a bomb: refused in one line before anything is made of it, in a moment."""

import time
from io import BytesIO

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shoal.contract.errors import ConfigError
from shoal.settings.dataset_files import load_dataset
from shoal.written.yaml_text import MOST_BYTES, read_yaml

LAUGHS = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "aliases of aliases": (LAUGHS, r"it stands for more than 100000 values, from line \d+ on - what & and \* repeat counts"),
    "merged mappings of merged mappings": (MERGES, r"it stands for more than 100000 values"),
    "one in another": ("a: " + "[" * 200_000, "in line 1 more than 50 values lie in each other"),
    "one in another, over many lines": ("\n".join("  " * n + "- " for n in range(60)), "in line 5. more than 50 values"),
    "more bytes than anybody writes": ("#" * (MOST_BYTES + 1), "it has more than 1000000 bytes - keep lists of keys short, by patterns of source.ignore"),
    "more values than anybody writes": ("[" + "1," * 400_000 + "]", "it stands for more than 100000 values"),
    "what repeats itself": ("a: &a [*a]", r"\*a in line 1 repeats what it lies in, or nothing"),
    "what repeats itself under a name that was used": ("b: &a 1\na: &a [*a]", r"\*a in line 2 repeats what it lies in"),
    "what repeats nothing": ("a: *b", r"\*b in line 1 repeats what it lies in, or nothing"),
    "a tag that runs code": ("a: !!python/object/apply:os.system [id]", "could not determine a constructor for the tag"),
    "a tag of an object": ("a: !!python/object:shoal.settings.dataset.Dataset {}", "could not determine a constructor"),
    "a name twice": ("conf: 0.5\nrun: {}\nconf: 0.25\n", "conf stands twice in one mapping, in lines 1 and 3 - keep one"),
    "a name twice, deep": ("a:\n- {b: 1, b: 2}\n", "b stands twice in one mapping, in lines 2 and 2 - keep one"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_costs_anything(text, message, tmp_path):
    file = tmp_path / "reef.yaml"
    file.write_text(text, encoding="utf-8")
    started = time.thread_time()
    with pytest.raises(ConfigError, match=f"^Dataset file reef.yaml cannot be read: {message}") as refused:
        load_dataset(file)
    assert "\n" not in str(refused.value)
    assert time.thread_time() - started < 5


def test_aliases_that_people_write_are_taken():
    text = "a: &all {x: 1, y: [1, 2]}\nb: {<<: *all, x: 2}\nc: [*all, *all]\n"
    assert read_yaml(BytesIO(text.encode())) == {
        "a": {"x": 1, "y": [1, 2]}, "b": {"x": 2, "y": [1, 2]}, "c": [{"x": 1, "y": [1, 2]}] * 2,
    }  # fmt: skip


def test_a_mapping_that_another_merges_and_that_merges_one_itself_is_taken():
    text = "x: &x {k: 0, j: 3}\ny: {p: &b {<<: *x, k: 1}}\nz: {<<: *b, z: 1}\n"
    assert read_yaml(BytesIO(text.encode()))["z"] == {"k": 1, "j": 3, "z": 1}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_whatever_is_no_bomb_is_read_as_it_is(value):
    text = yaml.safe_dump(value, allow_unicode=True)
    assert read_yaml(BytesIO(text.encode())) == yaml.safe_load(text)


def test_a_thousand_mistakes_are_twenty_lines(tmp_path):
    file = tmp_path / "reef.yaml"
    file.write_text("".join(f"field{n}: 1\n" for n in range(1000)), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_dataset(file)
    *lines, last = str(refused.value).splitlines()
    assert len(lines) == 20
    assert last == "Dataset file reef.yaml: … and 984 more", "a thousand fields, and four groups that are missing"
