"""docs/models.md explains every field of a model card, and its examples are cards that are read."""

import io
import re
from dataclasses import fields
from pathlib import Path

from shoal.contract.model_card import Card
from shoal.contract.model_info import Resize
from shoal.contract.read_card import OUTPUTS, read_card
from shoal.written.yaml_text import read_yaml

PAGE = (Path(__file__).parents[2] / "docs/models.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.partition("<!-- card -->\n")[2].partition("\n\n")[0].splitlines()[2:]
]


def test_every_field_of_a_card_is_explained_and_no_other():
    assert [row[0].strip("`") for row in ROWS] == [field.name for field in fields(Card)]


def test_the_examples_together_are_a_card_that_says_everything():
    text = "\n".join(row[2].strip("`") for row in ROWS)
    card = read_card(read_yaml(io.BytesIO(text.encode())))
    assert all(getattr(card, field.name) for field in fields(Card))


def test_outputs_and_ways_to_resize_are_those_of_the_code():
    said = {row[0].strip("`"): re.findall(r"`(\w+)`", row[1]) for row in ROWS}
    assert said["outputs"] == list(OUTPUTS)
    assert said["resize"] == list(Resize)
