"""What stands above a second model's classes, by the dataset file."""

import pytest

from shoal.contract.then import RollUp
from shoal.models.then import make_roll_up
from shoal.settings.analysis import Taxon

TAXA = {
    "sargus": Taxon(scientific_name="Diplodus sargus", parent="Diplodus"),
    "male": Taxon(scientific_name="Coris julis"),
    "female": Taxon(merge_into="male"),
    "bream": Taxon(scientific_name="Diplodus", parent="Sparidae"),
}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["a", "b"], ((), (None, None)), id="nothing is said"),
        pytest.param(["sargus", "b"], (("bream", "Sparidae"), (2, None, 3, None)), id="by the entry of the file that is the taxon"),
        pytest.param(["sargus", "bream"], (("Sparidae",), (1, 2, None)), id="a class of its own stands above"),
        pytest.param(["male", "b", "female"], ((), (None, None, 0)), id="what counts as one taxon is one name"),
    ],
)  # fmt: skip
def test_classes_stand_below_taxa(names, expected):
    assert make_roll_up(names, 0.65, TAXA) == RollUp(0.65, *expected)
