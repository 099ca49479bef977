"""The word after `python -m shoal`."""

import pytest

from shoal.__main__ import main


@pytest.mark.parametrize(
    ("word", "message"),
    [
        pytest.param("chekc", 'No command "chekc" - did you mean check?', id="letters changed places"),
        pytest.param("Why", 'No command "Why" - did you mean why?', id="a capital"),
        pytest.param("xyz", 'No command "xyz" - python -m shoal --help lists them', id="like none"),
        pytest.param("\x1b[2Jwhy", 'No command "\\u001b[2Jwhy"', id="what would clear the screen"),
        pytest.param("", 'No command ""', id="an empty word"),
    ],
)
def test_a_command_that_is_none_is_one_line(word, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([word])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"shoal: {message}")
