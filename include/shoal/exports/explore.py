"""`explore`: what a person looks through first, as one bounded object: the report's own data, and that of pages and commands.

Every number in it is made by tables/sql/explore.sql from the tables of the answer. The same answer gives the same bytes.
"""

import json
from collections.abc import Mapping
from typing import Any

from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.units import utc_text
from shoal.exports.explored_bins import since_when
from shoal.exports.explored_cameras import read_camera
from shoal.exports.explored_taxa import read_taxa
from shoal.pictures.people import with_people
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

MOST_TAXA = 60
"""Taxa told of, those with most detections first; the others stand in `species` of summary.json."""

MOST_CAMERAS = 24
"""Cameras told of, those with most images first."""

COMMONEST = 10
"""Taxa with typical and doubtful images."""

OF_KIND = 3
"""Such images of each."""


def read_explore(database: Database, plan: StoredPlan, result: Mapping[str, Any]) -> dict[str, Any]:
    """Read the object from a summary's tables.

    Args:
        database: Holds the tables of a summary.
        plan: The run's plan.
        result: The summary's result.
    """
    _build(database, plan.settings)
    taxa = int(database.value("SELECT count(*) FROM explored_taxa"))
    cameras = database.records("FROM explored_cameras ORDER BY camera")
    since = since_when(database, taxa * len(cameras))
    return {
        "format_version": FORMAT_VERSION,
        "dataset": result["dataset"],
        "variant_sha256": result["variant_sha256"],
        "zone": result["settings"]["report"]["zone"],
        "stored_conf": plan.least_score,
        "left_out": {
            "taxa": len(result["species"]) - taxa,
            "cameras": int(database.value("SELECT count(*) FROM axis")) - len(cameras),
            "since": {bin_name: moment and utc_text(moment) for bin_name, moment in since.items()},
        },
        "cameras": [read_camera(database, camera, since) for camera in cameras],
        "taxa": read_taxa(database, cameras, since, plan),
        "failures": database.records("FROM explored_failures ORDER BY use, images DESC, reason"),
    }


def write_explore(explore: Mapping[str, Any]) -> bytes:
    """Write the object as it is stored, without blanks."""
    return json.dumps(explore, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _build(database: Database, dataset: Dataset) -> None:
    database.run(
        "CREATE OR REPLACE TABLE deployment_places (camera VARCHAR, deployment VARCHAR, latitude DOUBLE, longitude DOUBLE)"
    )
    for stay in dataset.deployments:
        database.run(
            "INSERT INTO deployment_places VALUES (?, ?, ?, ?)", [stay.camera, stay.name, stay.latitude, stay.longitude]
        )
    database.set_variable("explored_taxa", MOST_TAXA)
    database.set_variable("explored_cameras", MOST_CAMERAS)
    database.set_variable("explored_commonest", COMMONEST)
    database.set_variable("explored_of_kind", OF_KIND)
    # Nobody wants to be in a report.
    database.run(f"CREATE OR REPLACE TABLE unshown AS SELECT DISTINCT key FROM ({with_people()})")
    for name in ("sun", "explored_steps", "explore"):
        database.run_file(name)
