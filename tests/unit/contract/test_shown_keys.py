"""Keys people copy from a terminal into a dataset file: the same key comes back, and nothing invisible is printed."""

import ast
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shoal.contract.errors import ConfigError, ShoalError, first_line, one_line, shown, shown_lines
from shoal.contract.shown_keys import quoted_key, shown_json


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_pasted_key_is_the_key(key):
    assert yaml.safe_load(f"- {quoted_key(key)}") == [key]
    assert quoted_key(key).isprintable()


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("Küste/été 1.jpg", '"Küste/été 1.jpg"'),
        ('a"b\\c.jpg', '"a\\"b\\\\c.jpg"'),
        ("a\tb\n.jpg", '"a\\tb\\n.jpg"'),
        ("a\x85b\x9b2J.jpg", '"a\\u0085b\\u009b2J.jpg"'),
        ("a\u2028b\ufeff.jpg", '"a\\u2028b\\ufeff.jpg"'),
        ("\U000e0001.jpg", '"\\U000e0001.jpg"'),
        ("a\u202egpj.exe", '"a\\u202egpj.exe"'),
    ],
    ids=["letters", "quotes", "tab and newline", "C1 controls", "separators", "beyond U+FFFF", "right to left"],
)
def test_what_no_screen_shows_is_an_escape(key, shown):
    assert quoted_key(key) == shown


TEXTS = st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from("a\n\t\r\x1b\x9b\u202e\u2028 "))
INCLUDE = Path(__file__).parents[3] / "include"


SPACES_AND_JOINERS = (
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u200c\u200d"
)


def is_plain(text):
    return all(character.isprintable() or character in SPACES_AND_JOINERS for character in text)


@pytest.mark.parametrize("text", ["Espèces\u00a0: 3", "می\u200cشود", "ക്\u200d", "👩\u200d🔬", "魚\u3000礁"])
def test_what_people_write_stays_as_they_write_it(text):
    assert shown(text) == text


@given(TEXTS)
def test_an_error_is_shown_whole_wherever_it_is_told(text):
    for kind in (ShoalError, ConfigError):
        lines = str(kind(text)).split("\n")
        assert len(lines) == text.count("\n") + 1
        assert all(is_plain(part) for line in lines for part in line.split("\t"))
    assert kind(text).args == (text,)


@given(TEXTS)
def test_one_line_is_one_and_stays_as_it_is(text):
    assert is_plain(one_line(text))
    assert one_line(one_line(text)) == one_line(text)
    assert is_plain(first_line(ValueError(text)))
    assert shown_lines(shown_lines(text)) == shown_lines(text)


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=5))
def test_json_is_the_same_value_in_plain_letters(value):
    text = shown_json(value)
    assert text.isprintable()
    assert json.loads(text) == value


def test_commands_speak_through_one_door():
    """What is made for a shell to read goes past it: completion and airflow-config, whose words are quoted for it."""
    past = {"_tell.py", "_json.py", "completion.py", "airflow_config.py"}
    for path in sorted((INCLUDE / "shoal/cli").glob("*.py")):
        names = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert path.name in past or "print" not in names, path
