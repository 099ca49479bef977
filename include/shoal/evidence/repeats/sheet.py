"""What a person judges clusters by: crops of each, spread over its time. Images that show people are left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from shoal.contract.units import utc_text
from shoal.evidence.repeats.found import Cluster
from shoal.evidence.repeats.places import AT_IOU, load_places, near_places
from shoal.pictures.colours import colours_of
from shoal.pictures.drawing import Box, Drawing
from shoal.pictures.people import EVERY_BOX, People, with_people
from shoal.tables.session import Database

CROPS = 5
"""Pictures of a cluster: a row of the sheet."""

TILE_PX = 320


def pick_crops(database: Database, clusters: Sequence[Cluster], people: People) -> list[Drawing]:
    """Choose the pictures of clusters, a row of `CROPS` each where there are as many without people.

    Reads: placed, images, and every stored box

    Args:
        database: In which `find_repeats` looked.
        clusters: Those to show.
        people: Who is a person, see `pictures.people.people_of`.
    """
    colours = colours_of(cluster.place.taxon for cluster in clusters)
    return [_crop(row, clusters[row["place"]], colours) for row in pick_images(database, clusters, people)]


def pick_images(database: Database, clusters: Sequence[Cluster], people: People) -> list[dict[str, Any]]:
    """Choose the images likewise: number of the cluster as `place`, key, version, and the box as parts of the image."""
    load_places(database, [cluster.place for cluster in clusters])
    database.run(f"CREATE OR REPLACE VIEW people_in AS {with_people(people, EVERY_BOX)}")
    database.run("CREATE OR REPLACE TABLE times (place INTEGER, start_at TIMESTAMP, end_at TIMESTAMP)")
    for number, cluster in enumerate(clusters):
        times = [moment.replace(tzinfo=None) for moment in (cluster.period.start, cluster.period.end)]
        database.run("INSERT INTO times VALUES (?, ?, ?)", [number, *times])
    near = near_places("b.key, b.captured_at, b.confidence, b.class_id, b.x1, b.y1, b.x2, b.y2, b.width, b.height")
    return database.records(f"""
        WITH at_place AS (
            SELECT near.* EXCLUDE (slot, common, iou), object_version, size_bytes, content_sha256,
                ntile({CROPS}) OVER (PARTITION BY place ORDER BY near.captured_at, near.key) AS part
            FROM ({near}) AS near JOIN times USING (place) JOIN images USING (key) ANTI JOIN people_in USING (key, object_version)
            WHERE iou >= {AT_IOU} AND near.captured_at >= start_at AND near.captured_at < end_at
        )
        FROM at_place QUALIFY row_number() OVER (PARTITION BY place, part ORDER BY captured_at, key) = 1
        ORDER BY place, captured_at, key
    """)


def _crop(row: Mapping[str, Any], cluster: Cluster, colours: Mapping[str, str]) -> Drawing:
    edges = (row["x1"] * row["width"], row["y1"] * row["height"], row["x2"] * row["width"], row["y2"] * row["height"])
    taxon = cluster.place.taxon
    box = Box.of(edges, label=taxon, class_id=row["class_id"], conf=row["confidence"], colour=colours[taxon])
    caption = f"{cluster.id} {cluster.state} · {cluster.place.camera}\n{utc_text(row['captured_at'])} · {row['confidence']:.2f}"
    return Drawing(
        row["key"],
        row["object_version"],
        row["size_bytes"],
        (box,),
        crop=True,
        long_side_px=TILE_PX,
        caption=caption,
        content_sha256=row["content_sha256"] or "",
    )
