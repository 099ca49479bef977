"""Whatever tag stands before whatever value: it is read, or refused in one line; PyYAML's own slips end nobody."""

import io
from contextlib import suppress
from itertools import product

import pytest
from yaml import YAMLError

from shoal.contract.errors import ConfigError
from shoal.written.yaml_text import read_yaml

TAGS = (
    "",
    *(f"!!{name}" for name in ("bool", "int", "float", "timestamp", "binary", "null", "str", "seq", "map", "set")),
)
TAGS += ("!!omap", "!!pairs", "!!merge", "!!value", "!own")
VALUES = (
    '""',
    "x",
    "-",
    "0x",
    "0b",
    "1:",
    ":",
    "1.5",
    "-.inf",
    "2026-02-30",
    "foo",
    "é",
    "[1]",
    "{=: x}",
    "{a: 1}",
    "[{a: 1}]",
)
PLACES = ("a: {}\n", "[{}]\n", "{}\n", "? {}\n: 1\n", "a: {{<<: {}}}\n", "{{? {} : 1, b: 2}}\n")


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_before_any_value_is_read_or_refused(tag):
    for value, place in product(VALUES, PLACES):
        text = place.format(f"{tag} {value}")
        with suppress(ConfigError, YAMLError):  # nothing else
            read_yaml(io.BytesIO(text.encode()))


@pytest.mark.parametrize(
    "text",
    ["{1: a, 1.0: b}", "{1: a, 0x1: b}", "{1: a, yes: b}", "{10: a, 1_0: b}", "{~: a, null: b}", "{a: 1, 'a': 2}"],
)
def test_two_names_that_are_one_are_refused(text):
    with pytest.raises(ConfigError, match=r"stands twice in one mapping, in lines 1 and 1 - keep one"):
        read_yaml(io.BytesIO(text.encode()))


def test_a_name_beside_one_that_is_merged_is_no_second_one():
    assert read_yaml(io.BytesIO(b"a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n"))["b"] == {"x": 1, "y": 3}
