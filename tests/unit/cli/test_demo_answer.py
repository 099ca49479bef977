"""What `demo` says at its end of images without a usable time, from a summary as it is stored."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from shoal.cli._demo_answer import _species_table, account
from shoal.tables.clock_table import ClockTable

AHEAD = (
    "2 of 9 images have a time that is more than a day after they were last modified - deployments[].offset moves it"
)
USES = {"used": 6, "duplicate": 0, "undated": 2, "unusable": 0, "failed": 1}
SUMMARY = SimpleNamespace(
    dataset="reef", balance={"listed": 9, **dict.fromkeys(("reused", "changed", "gone", "archived", "denied", "unsettled", "pending"), 0),
                             "processed": 8, "failed": 1},
    examined=9, uses=USES, clock=ClockTable(odd=(AHEAD,)),
    result={"failed_by_reason": {"empty": 1}, "undated_species": [], "clock_flags": {"future": 2}},
)  # fmt: skip


def test_images_of_a_clock_that_is_ahead_are_not_told_to_have_no_date_in_their_name():
    lines = account(SUMMARY, Path("reef.yaml"))
    assert lines[3:] == [
        "undated: 2 images have no usable time, in no number above; detections there: none",
        "  of all examined images: 2 future - clock and deployments in reef.yaml decide it",
        f"  {AHEAD}",
    ]


@pytest.mark.parametrize(
    ("task", "heads"),
    [
        (None, ["Species", "Seen in\nimages", "Mean per\nimage", "MaxN", "Image of MaxN"]),
        ("classify", ["Species", "Classified\nas it", "Share of\nimages"]),
    ],
)
def test_the_table_of_species_has_no_maxn_of_a_classifier(task, heads):
    species = {
        "taxon": "Coris julis",
        "images_with": 6,
        "images": 8,
        "mean_per_image": 0.75,
        "maxn": 1,
        "maxn_key": "a.jpg",
    }
    table = _species_table({"species": [species], **({"task": task} if task else {})})
    assert [column.header for column in table.columns] == heads
    assert [list(column.cells) for column in table.columns][:3] == [["Coris julis"], ["6 of 8"], ["0.750"]]
