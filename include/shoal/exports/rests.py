"""Times of tables in which a camera took images and was not at work, by the dataset file: nobody may read a zero there.

Of a camera by the clock, images are the effort, and those that it took behind an overgrown lens are none. Such images are in
every number of the answer all the same, as the summary tells; a table of effort has no row for a time that has no others.
"""

from shoal.exports.export import Answer
from shoal.tables.session import Database

_RESTS = """
CREATE OR REPLACE TEMP TABLE rests AS
SELECT camera, deployment, bin_start FROM (
    SELECT camera, deployment, bin_start('{width}', captured_at) AS bin_start, count(*) AS paused
    FROM around_images AS images WHERE use = 'used' AND EXISTS (
        FROM pauses WHERE pauses.camera = images.camera AND pauses.deployment = images.deployment
            AND captured_at >= start_at AND captured_at < end_at
    ) GROUP BY ALL
) JOIN (
    SELECT DISTINCT camera, deployment, bin_start, images, {days} AS camera_days FROM counts_{width}
) USING (camera, deployment, bin_start)
WHERE images = paused AND coalesce(camera_days, 0) = 0
"""
"""Images of a day lie in two months of tables where its zone's month begins within a month of UTC: `around_images` has both."""

_FOUND = """
SELECT (SELECT count(*) FROM rests), coalesce(sum(detections), 0)
FROM counts_{width} SEMI JOIN rests USING (camera, deployment, bin_start)
"""


def find_rests(database: Database, answer: Answer, width: str) -> dict[str, int]:
    """Make the table `rests`: camera, deployment and bin_start of what has used images, all from times without work.

    Of a camera that is released, whose effort are days, a day or month in which it was at work for a while is none.

    Args:
        database: Holds the views of `view_answer`, `around_images` among them.
        answer: Whose plan says when cameras did not work.
        width: Of the bins, one that the answer has.

    Returns:
        What a table without these bins does not hold.
    """
    database.set_variable("report_zone", answer.plan.settings.report.zone)
    database.run_file("bins")
    database.run(
        "CREATE OR REPLACE TEMP TABLE pauses (camera VARCHAR, deployment VARCHAR, start_at TIMESTAMP, end_at TIMESTAMP)"
    )
    for stay in answer.plan.settings.deployments:
        for pause in stay.not_working:
            first, last = (moment.replace(tzinfo=None) for moment in pause.span)
            database.run("INSERT INTO pauses VALUES (?, ?, ?, ?)", [stay.camera, stay.name, first, last])
    database.run(_RESTS.format(width=width, days="camera_days" if width in {"day", "month"} else "NULL"))
    bins, detections = database.run(_FOUND.format(width=width)).fetchall()[0]
    counted = {
        f"bins of {width} whose images are all from times in which the camera was not at work (no rows)": bins,
        f"detections in these bins of {width}": detections,
    }
    return {what: int(count) for what, count in counted.items() if count}
