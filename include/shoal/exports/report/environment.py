"""How the pages of this room are written from their templates."""

from functools import cache
from pathlib import Path

import jinja2

from shoal.contract.errors import shown_lines

_HERE = Path(__file__).parent


@cache
def environment() -> jinja2.Environment:
    """Give what reads the templates: all that is written into them is text, and nothing in it hides what follows."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    made.filters["moment"] = lambda text: f"{text[:10]} {text[11:16]} UTC"
    made.filters["whole"] = lambda value: f"{value:.0f}"
    made.filters["part"] = lambda value: f"{value:.3f}"
    return made


def _shown(value: object) -> object:
    """Write names so that nothing in them hides or turns what follows around; markup of ours stays."""
    return shown_lines(value) if type(value) is str else value
