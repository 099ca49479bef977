"""What another run of the same dataset made of an image: read from the tables of that run when the image is looked at."""

from collections.abc import Sequence

from shoal.answers.browsed import SeenImage, in_words
from shoal.answers.browsed_shapes import files_of
from shoal.answers.columns import TABLES
from shoal.contract.tasks.classify import CLASSIFY
from shoal.results.summary_files import SummaryFile
from shoal.tables.session import Database

NOTHING = "-"


def seen_in(database: Database, image: SeenImage, files: Sequence[SummaryFile], task: str | None) -> tuple[str, str]:
    """Tell that run's fate of an image, and in words the boxes that it counted at its own thresholds.

    Only the tables of the image's month are read: one that the run dated otherwise is not found there.

    Args:
        database: A session on the results bucket.
        image: The image; of another version of the photo nothing is told but that.
        files: The tables of images and boxes of that run.
        task: Of that run's model.
    """
    database.set_variable("asked_key", image.key)
    of_month = files_of(files, "images", image)
    database.view_parquet("other_images", of_month, TABLES["images"])
    of_key = "SELECT object_version, use FROM other_images WHERE key = getvariable('asked_key')"
    uses = dict(database.run(of_key).fetchall())
    if not uses:
        is_all = len(of_month) == sum(file.table == "images" for file in files)
        return "not examined" if is_all else "not found in its month", NOTHING
    if image.object_version not in uses:
        return "another version of the photo", NOTHING
    database.set_variable("asked_version", image.object_version)
    database.view_parquet("other_detections", files_of(files, "detections", image), TABLES["detections"])
    # A classifier says something of every class: only what scores best is what it sees.
    best = " AND position = 0" if task == CLASSIFY.name else ""
    told = database.run(
        "SELECT taxon, count(*) FROM other_detections WHERE key = getvariable('asked_key') "
        f"AND object_version = getvariable('asked_version') AND role = 'count'{best} GROUP BY taxon"
    ).fetchall()
    return str(uses[image.object_version]), in_words(dict(told))
