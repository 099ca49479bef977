"""Repeat detections: of the boxes of things that stand, how many are flagged, and of those of animals how many wrongly.

Thresholds were fixed on seeds 0 to 99 of one generator of scenes, `reef`; the figures are of other seeds of another one,
`harbour`, that shares no rule with it: see planted_scenes.py. With --images the finding runs once on that many, and its peak
memory is printed.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from peak_memory import peak_bytes
from planted_scenes import ANEMONE, FISH, GENERATORS, SIDE, Scene

from shoal.answers.columns import DETECTIONS, IMAGES
from shoal.evidence.repeats.decisions import load_decisions, mark
from shoal.evidence.repeats.found import Cluster, find_repeats
from shoal.settings.analysis import Taxon
from shoal.settings.dataset import Run
from shoal.tables.session import Database, open_database

TAXA = (*FISH, ANEMONE)
SETTINGS = {**{name: Taxon(mobility="mobile") for name in FISH}, ANEMONE: Taxon(mobility="sessile")}
LEAST_FLAGGED, MOST_WRONG = 0.9, 0.01


@dataclass(frozen=True)
class Score:
    """What became of one scene's boxes."""

    images: int
    rock: int
    flagged: int
    true: int
    wrong: int
    clusters: int
    seconds: float

    @property
    def share(self) -> float:
        """Of the boxes of things, those flagged."""
        return self.flagged / self.rock if self.rock else 1.0

    @property
    def wrongly(self) -> float:
        """Of the boxes of animals, those flagged."""
        return self.wrong / self.true


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.images:
        _print_scale(arguments.images)
        return
    first, count = arguments.first_seed, arguments.seeds
    scores = [
        score_scene(GENERATORS[arguments.generator](seed, arguments.days, 900)) for seed in range(first, first + count)
    ]
    _print_table(scores, f"{arguments.generator}, seeds {first} to {first + count - 1}")


def score_scene(scene: Scene) -> Score:
    """Find what stands in a scene, take all of it for things, and count what that flags."""
    with open_database(None, Run(memory="512Mi", threads=1)) as database:
        is_rock = _load(database, scene)
        began = time.perf_counter()
        clusters = find_repeats(database, SETTINGS).clusters
        seconds = time.perf_counter() - began
        flagged = _flag(database, clusters, len(is_rock))
    images = sum(map(len, scene.image_time))
    return Score(
        images,
        int(is_rock.sum()),
        int((flagged & is_rock).sum()),
        int((~is_rock).sum()),
        int((flagged & ~is_rock).sum()),
        len(clusters),
        seconds,
    )


def _load(database: Database, scene: Scene) -> np.ndarray:
    """Make a scene the views of an answer, as far as they are read; give which boxes are of things."""
    images = {"camera": np.concatenate(scene.image_camera), "time": np.concatenate(scene.image_time)}
    edges = np.concatenate(scene.edges)
    boxes = {
        "camera": np.concatenate(scene.camera),
        "time": np.concatenate(scene.time),
        "taxon": np.concatenate(scene.taxon),
        **{name: edges[:, number] for number, name in enumerate(("x1", "y1", "x2", "y2"))},
    }
    for name, columns in (("scene_images", images), ("scene_boxes", boxes)):
        kinds = ["BIGINT" if column.dtype.kind == "i" else "DOUBLE" for column in columns.values()]
        selected = ", ".join(f"unnest(?::{kind}[]) AS {column}" for column, kind in zip(columns, kinds, strict=True))
        database.run(f"CREATE TABLE {name} AS SELECT {selected}", [column.tolist() for column in columns.values()])
    taxa = "[" + ", ".join(f"'{name}'" for name in TAXA) + "]"
    key, at = "camera || '/' || time AS key", "make_timestamp(time * 1000000) AS captured_at"
    _view(
        database,
        "images",
        IMAGES,
        f"SELECT {key}, 'c' || camera AS camera, {at}, 'used' AS use, {SIDE} AS width, {SIDE} AS height FROM scene_images",
    )
    _view(
        database,
        "detections",
        DETECTIONS,
        f"SELECT {key}, 'c' || camera AS camera, {at}, 'used' AS use, 'count' AS role, {SIDE} AS width, {SIDE} AS height, "
        f"{taxa}[taxon + 1] AS taxon, rowid AS position, 0.5 AS confidence, x1, y1, x2, y2 FROM scene_boxes",
    )
    return np.concatenate(scene.is_rock)


def _view(database: Database, name: str, columns: dict[str, str], query: str) -> None:
    there = [row[0] for row in database.run(f"DESCRIBE {query}").fetchall()]
    chosen = ", ".join(
        f"{column if column in there else 'NULL'}::{kind} AS {column}" for column, kind in columns.items()
    )
    database.run(f"CREATE VIEW {name} AS SELECT {chosen} FROM ({query})")


def _flag(database: Database, clusters: Sequence[Cluster], boxes: int) -> np.ndarray:
    load_decisions(database, [one.as_repeat() for one in clusters])
    flagged = np.zeros(boxes, dtype=bool)
    flagged[[row[1] for row in database.run(mark("detections", "images")).fetchall()]] = True
    return flagged


def _print_table(scores: Sequence[Score], what: str) -> None:
    rock, flagged = sum(one.rock for one in scores), sum(one.flagged for one in scores)
    true, wrong = sum(one.true for one in scores), sum(one.wrong for one in scores)
    shares = np.array([one.share for one in scores])
    wrongly = np.array([one.wrongly for one in scores])
    images = [one.images for one in scores]
    good = int(((shares >= LEAST_FLAGGED) & (wrongly <= MOST_WRONG)).sum())
    print(f"{what}: {len(scores)} scenes of {min(images)} to {max(images)} images, {rock + true} boxes")
    print(f"{'':<28}{'all':>9}{'median':>9}{'worst':>9}  target")
    for name, values, target in (
        ("boxes of things flagged", (flagged / rock, np.median(shares), shares.min()), f"at least {LEAST_FLAGGED:.0%}"),
        ("boxes of animals flagged", (wrong / true, np.median(wrongly), wrongly.max()), f"at most {MOST_WRONG:.0%}"),
    ):
        print(f"{name:<28}{''.join(f'{value:>9.2%}' for value in values)}  {target}")
    print(f"{'scenes that reach both':<28}{good:>9} of {len(scores)}")


def _print_scale(images: int) -> None:
    """Find what stands in very many images; rocks, residents and passing fish come by hash, so that SQL makes them."""
    from planted_at_scale import load_at_scale  # noqa: PLC0415

    with open_database(None, Run(memory="1Gi", threads=2)) as database:
        boxes, rocks = load_at_scale(database, images)
        began = time.perf_counter()
        found = find_repeats(database, SETTINGS)
        seconds = time.perf_counter() - began
    peak = peak_bytes() / 1e6
    print(
        f"{images} images, {boxes} boxes: {len(found.clusters)} of {rocks} things found in {seconds:.0f} s, "
        f"peak memory {peak:.0f} MB"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", choices=GENERATORS, default="harbour", help="of the scenes (harbour)")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="scenes (20)")
    parser.add_argument("--first-seed", type=int, default=1000, metavar="N", help="of these (1000)")
    parser.add_argument("--days", type=int, default=60, metavar="N", help="of each scene (60)")
    parser.add_argument("--images", type=int, default=0, metavar="N", help="once, so many, for time and memory")
    return parser.parse_args()


if __name__ == "__main__":
    main()
