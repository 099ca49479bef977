"""What the page that explores draws of a camera on days without an image."""

from datetime import date

import pytest

from shoal.airflow.pages.explore_charts import Drawn, draw_camera
from shoal.airflow.pages.frame import NOTHING
from shoal.answers.explored import CameraCounts, DayCount

FIRST, SECOND, THIRD = (date(2026, 6, day) for day in (1, 2, 3))


@pytest.mark.parametrize(
    ("is_released", "has_days", "at_work", "words", "gaps"),
    [
        pytest.param(False, True, {}, "nobody looked", 2, id="by the clock"),
        pytest.param(True, True, {FIRST: 1, THIRD: 1}, "nobody looked", 2, id="released, and not at work"),
        pytest.param(True, True, {FIRST: None, SECOND: 1, THIRD: None}, "at work, no image", 0, id="released for a part of the time"),
        pytest.param(True, False, {}, "no image", 0, id="released, and nothing tells whether it was at work"),
    ],
)  # fmt: skip
def test_a_day_without_an_image_is_a_gap_only_where_nobody_looked(is_released, has_days, at_work, words, gaps):
    images = {FIRST: 4, SECOND: 0, THIRD: 2}
    days = {
        day: DayCount(images[day], images[day], at_work.get(day)) for day in images if images[day] or day in at_work
    }
    drawn = Drawn("Coris julis", "#123456", "day", FIRST, THIRD, whole_images=False, has_days=has_days)
    chart = draw_camera(CameraCounts("C1", days, ((0, 0),) * 24, solar=False), drawn, is_released=is_released)
    assert chart.rows[1] == ("2026-06-02", words, NOTHING, NOTHING)
    assert chart.series.count('class="gap"') == gaps, "of the bars, and of the effort"
    assert ("the run has no bins of a day" in "".join(chart.notes)) is not has_days
