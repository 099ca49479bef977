"""What `demo` says at its end of images without a usable time, from a summary as it is stored."""

from pathlib import Path
from types import SimpleNamespace

from shoal.cli._demo_answer import account
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
