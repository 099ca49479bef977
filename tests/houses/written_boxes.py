"""Tables of images with boxes of any score, without a bucket, a worker or a summary: for what `explore` makes of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from shoal.exports.explore import read_explore
from shoal.settings.analysis import Taxon
from shoal.settings.deployments import Deployment
from shoal.settings.run_form import RunParams
from shoal.tables.session import Database
from written_images import tables_of

Shot = Mapping[str, Any]
"""Of an image: `at`, and `camera`, `boxes` (taxon and score of each), `luma`, `sharpness`, `use`, `reason` where they are not usual."""

BINS = ("day", "month")

TAXA, CONF = ("Coris julis",), 0.25


@contextmanager
def boxes_of(
    shots: Sequence[Shot],
    stays: Sequence[Mapping[str, Any]] = (),
    *,
    taxa: Sequence[str] = TAXA,
    roles: Mapping[str, str] | None = None,
    conf: float = CONF,
    zone: str = "UTC",
) -> Iterator[Database]:
    """Open a session with all tables of a summary that `explore` reads; `roles` are those of classes that do not count."""
    classes = {**dict.fromkeys(taxa, "count"), **(roles or {})}
    counted = [{**shot, "fish": _count(shot, taxa, conf)} for shot in shots]
    with tables_of(counted, stays, zone=zone, bins=BINS, taxa=taxa) as database:
        for column in ("object_version VARCHAR DEFAULT 'v'", "content_sha256 VARCHAR", "size_bytes BIGINT DEFAULT 1000", "width INTEGER DEFAULT 640", "height INTEGER DEFAULT 480",
                       "luma_mean FLOAT DEFAULT 100", "sharpness FLOAT DEFAULT 50", "reason VARCHAR", "damaged VARCHAR"):  # fmt: skip
            database.run(f"ALTER TABLE images ADD COLUMN {column}")
        for number, shot in enumerate(shots):
            for name, column in (
                ("luma", "luma_mean"),
                ("sharpness", "sharpness"),
                ("reason", "reason"),
                ("damaged", "damaged"),
            ):
                if name in shot:
                    database.run(f"UPDATE images SET {column} = ? WHERE key = ?", [shot[name], f"{number:06d}.jpg"])
        database.run(
            "CREATE TABLE classes (class_id INTEGER, class_name VARCHAR, taxon VARCHAR, role VARCHAR, conf FLOAT)"
        )
        for class_id, (name, role) in enumerate(classes.items()):
            database.run("INSERT INTO classes VALUES (?, ?, ?, ?, ?)", [class_id, name, name, role, conf])
        _write_boxes(database, shots)
        database.run(
            "CREATE OR REPLACE TABLE image_counts AS SELECT key, camera, deployment, captured_at, taxon, count(*)::BIGINT AS detections, "
            "sum(round(confidence * 1000000)::BIGINT)::BIGINT AS confidence_millionths FROM detections JOIN images USING (key) "
            "WHERE role = 'count' AND use = 'used' GROUP BY ALL"
        )
        database.run(
            "CREATE MACRO unusable_cause(damaged, luma_mean, sharpness) AS if(damaged IS NULL, 'too dark', 'damaged inside')"
        )
        database.run_file("species")
        yield database


def explore_of(shots: Iterable[Shot], stays: Sequence[Mapping[str, Any]] = (), **options: Any) -> dict[str, Any]:
    """Read `explore` of such images."""
    with boxes_of(list(shots), stays, **options) as database:
        deployments = tuple(Deployment(**{"camera": "C1", **stay}) for stay in stays)
        roles = {name: Taxon(role=role) for name, role in (options.get("roles") or {}).items()}
        names = dict.fromkeys((*options.get("taxa", TAXA), *roles))
        settings = SimpleNamespace(deployments=deployments, taxa=roles, conf=options.get("conf", CONF))
        plan = SimpleNamespace(
            settings=settings, names=tuple(names), then=None, params=RunParams(), least_score=0.05, task="detect"
        )
        result = {
            "dataset": "reef", "variant_sha256": "0" * 64, "settings": {"report": {"zone": options.get("zone", "UTC")}},
            "species": database.records("FROM species"),
        }  # fmt: skip
        return read_explore(database, plan, result)


def _count(shot: Shot, taxa: Sequence[str], conf: float) -> dict[str, int]:
    found = [taxon for taxon, score in shot.get("boxes", ()) if score >= conf]
    return {taxon: found.count(taxon) for taxon in taxa if taxon in found}


def _write_boxes(database: Database, shots: Sequence[Shot]) -> None:
    database.run("CREATE TABLE boxes (key VARCHAR, position INTEGER, taxon VARCHAR, confidence FLOAT)")
    rows = [
        (f"{number:06d}.jpg", place, taxon, score)
        for number, shot in enumerate(shots)
        for place, (taxon, score) in enumerate(shot.get("boxes", ()))
    ]
    if rows:
        database.run(
            "INSERT INTO boxes SELECT unnest(?), unnest(?), unnest(?), unnest(?)",
            [list(column) for column in zip(*rows, strict=True)],
        )
    for name, sign in (("detections", ">="), ("below", "<")):
        database.run(
            f"CREATE TABLE {name} AS SELECT key, 'v' AS object_version, position, class_id, class_name, taxon, role, confidence, conf AS threshold, 10::FLOAT AS x1, 20::FLOAT AS y1, "
            f"110::FLOAT AS x2, 80::FLOAT AS y2 FROM boxes JOIN classes USING (taxon) WHERE confidence {sign} conf"
        )
