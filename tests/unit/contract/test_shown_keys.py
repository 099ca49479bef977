"""Keys people copy from a terminal into a dataset file: the same key comes back, and nothing invisible is printed."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shoal.contract.shown_keys import quoted_key


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
