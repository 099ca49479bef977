"""Draws a sample: stored with its probabilities before anybody sees an image of it.

Whoever asks for the same sample again gets it as it was stored. No image is handed out by two samples: the later one counts with
those that an earlier one has handed out, and hands out the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import DatasetLayout
from shoal.contract.units import counted, utc_text
from shoal.evidence.design import STRATA, Design, design_json, parse_design
from shoal.evidence.expected_error import LabelledCell, Pilot, learn
from shoal.evidence.frame import read_groups, view_frame, view_grouped, why_no_frame
from shoal.evidence.inclusion import FLOOR, Allocation, Group, with_probabilities
from shoal.evidence.labelled import view_drawn, view_labels
from shoal.evidence.permanent import DRAWN, SQL_MARK, SQL_SMALL_MARK, TWICE, sql_number
from shoal.evidence.stored import read_designs, read_imports, store_json, store_lines
from shoal.evidence.taxon_names import counted_names
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

FEWEST, MOST = 10, 50_000
"""Labels that may be asked for: with fewer nothing can be said, and more nobody gives."""

MOST_GROUPS = 5_000
"""Groups of images with a probability of their own, each of which a sample's JSON names."""

FOR_TWO = 0.1
"""Share of the images that two people are asked about."""

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

_PILOT = """
    WITH asked AS (
        SELECT key, object_version, content_sha256, half, cell FROM grouped
        SEMI JOIN drawn USING (key, content_sha256) SEMI JOIN sampled_looks USING (key, content_sha256)
    ),
    said AS (SELECT key, taxon, individuals FROM labelled SEMI JOIN asked USING (key, content_sha256)),
    seen AS (
        SELECT key, taxon, count(*) AS individuals FROM detections SEMI JOIN asked USING (key, object_version)
        WHERE role = 'count' GROUP BY ALL
    ),
    errors AS (
        SELECT key, sum((coalesce(said.individuals, 0) - coalesce(seen.individuals, 0)) ** 2) AS square
        FROM said FULL JOIN seen USING (key, taxon)
        WHERE getvariable('evidence_taxon') IS NULL OR taxon = getvariable('evidence_taxon') GROUP BY key
    )
    SELECT half, cell, count(*), coalesce(sum(square), 0)::DOUBLE
    FROM asked LEFT JOIN errors USING (key) GROUP BY ALL ORDER BY ALL
"""


_FRAME = f"""
    SELECT {SQL_SMALL_MARK} AS mark, place AS group_number
    FROM grouped JOIN probabilities USING (stratum, half, cell) ORDER BY mark
"""


@dataclass(frozen=True)
class Wish:
    """What sample a person asks for.

    Attributes:
        n: Images that are expected.
        strata: By what the frame is cut, words of `STRATA`.
        allocation: How labels are dealt to strata.
        taxon: Whose errors decide; None for those of all taxa.
        blind: Whether people label without seeing what the model says.
    """

    n: int
    strata: tuple[str, ...] = ()
    allocation: Allocation = "proportional"
    taxon: str | None = None
    blind: bool = True

    def check(self) -> None:
        """Check what can be checked without an answer.

        Raises:
            ConfigError: It cannot be drawn.
        """
        if not FEWEST <= self.n <= MOST:
            raise ConfigError(f"-n {self.n} labels - ask for {FEWEST} to {MOST}")
        if odd := [word for word in self.strata if word not in STRATA]:
            raise ConfigError(f"--stratify {shown(odd[0], 60)!r} not understood - any of {', '.join(STRATA)}")
        if len(set(self.strata)) < len(self.strata):
            raise ConfigError(f"--stratify {','.join(self.strata)} names one twice - write it once")


@dataclass(frozen=True)
class Drawn:
    """A sample, and what is said about it.

    Attributes:
        design: It.
        again: Whether it was drawn before.
        earlier: Images of it that earlier samples have handed out.
    """

    design: Design
    again: bool
    earlier: int


def draw_sample(
    database: Database, layout: DatasetLayout, run: StoredRun, wish: Wish, taxa: Mapping[str, Taxon]
) -> Drawn:
    """Draw a sample of an answer and store it, or find it where it was drawn before.

    Args:
        database: A session on the results bucket.
        layout: The dataset.
        run: Whose answer it is.
        wish: What is asked for.
        taxa: Those of the dataset file of today: who is a person now is shown to nobody.

    Raises:
        ConfigError: There is nothing to draw from, or too many strata; or the answer does not know the taxon.
        ContractError: A stored object is not what it must be.
    """
    wish.check()
    names = counted_names(run)
    taxon = _taxon(wish.taxon, names)
    people = view_frame(database, run, taxa)
    designs = read_designs(database.results, layout)
    pilot = _learn(database, layout, run, _Learning([one for one in designs if not one.has_pilot], names, taxon, wish))
    view_grouped(database, wish.strata, _conf(run), taxon, by_error=pilot is not None)
    found = read_groups(database)
    if not found:
        raise ConfigError(why_no_frame(run))
    groups = _with_probabilities(found, wish, pilot)
    rule = _rule(run, wish, pilot, groups, taxon=taxon, people=people)
    json = design_json(rule, groups)
    rule_sha256 = Design("", json).rule_sha256
    if same := next((one for one in designs if one.rule_sha256 == rule_sha256), None):
        return Drawn(same, again=True, earlier=same.json["drawn"]["images"] - same.json["drawn"]["new"])
    _join_probabilities(database, groups)
    view_drawn(database, designs)
    return _store(database, layout, json, [one.name for one in designs])


def _store(database: Database, layout: DatasetLayout, json: Mapping[str, Any], earlier: Sequence[str]) -> Drawn:
    """Draw and write: the images, then the frame, and last what says that there is a sample."""
    lines = store_lines(database, layout, "samples", _drawn_query())
    database.view_parquet("just_drawn", [lines["key"]], {"number": "INTEGER", "twice": "BOOLEAN"})
    new, twice = database.run("SELECT count(number), count(*) FILTER (twice) FROM just_drawn").fetchone() or (0, 0)
    marks = store_lines(database, layout, "samples", _FRAME)
    stored = {
        **json,
        "frame": {**json["frame"], "key": marks["key"], "sha256": marks["sha256"]},
        "earlier": list(earlier),
        "drawn_at": utc_text(datetime.now(UTC)),
        "drawn": {
            "key": lines["key"],
            "images": lines["rows"],
            "new": new,
            "for_two": twice,
            "sha256": lines["sha256"],
        },
    }
    name = store_json(database.results, layout, "samples", stored)
    return Drawn(parse_design(name, stored, name), again=False, earlier=lines["rows"] - new)


def _rule(
    run: StoredRun, wish: Wish, pilot: Pilot | None, groups: Sequence[Group], *, taxon: str | None, people: int
) -> dict[str, Any]:
    return {
        "dataset": run.summary.dataset,
        "run_key": run.run_key,
        "result_sha256": run.summary.result_sha256,
        "model": run.plan.models,
        "frame": {"images": sum(one.images for one in groups), "images_of_people_left_out": people},
        "n": wish.n,
        "expected": round(sum(one.images * one.probability for one in groups), 6),
        "strata": list(wish.strata),
        "allocation": wish.allocation,
        "taxon": taxon,
        "blind": wish.blind,
        "floor": FLOOR,
        "pilot": None if pilot is None else pilot.to_json(),
    }


class _Learning(NamedTuple):
    """What is learnt from, and whose errors."""

    pilots: Sequence[Design]
    names: Mapping[str, str]
    taxon: str | None
    wish: Wish


def _learn(
    database: Database,
    layout: DatasetLayout,
    run: StoredRun,
    of: _Learning,
) -> Pilot | None:
    """Learn from the labels of samples that were drawn without knowing any; None where they are too few."""
    imports = read_imports(database.results, layout)
    if not of.pilots or not imports:
        return None
    view_labels(database, imports, of.names)
    view_drawn(database, of.pilots)
    view_grouped(database, of.wish.strata, _conf(run), of.taxon, by_error=True)
    cells = [LabelledCell(*row) for row in database.run(_PILOT).fetchall()]
    known = [cell for (cell,) in database.run("SELECT DISTINCT cell FROM grouped ORDER BY 1").fetchall()]
    pilot = learn([one.name for one in imports], cells, known)
    return pilot if pilot.errors else None


def _with_probabilities(groups: Sequence[Group], wish: Wish, pilot: Pilot | None) -> list[Group]:
    strata = {one.stratum for one in groups}
    if len(strata) > max(1, wish.n):
        raise ConfigError(
            f"--stratify {','.join(wish.strata)} makes {len(strata)} strata for {wish.n} labels - name fewer words, or ask for "
            "more labels with -n"
        )
    if len(groups) > MOST_GROUPS:
        raise ConfigError(
            f"{len(groups)} groups of images are more than {MOST_GROUPS} - name fewer words with --stratify"
        )
    return with_probabilities(groups, wish.n, wish.allocation, pilot.errors if pilot else {})


def _join_probabilities(database: Database, groups: Sequence[Group]) -> None:
    database.run(
        "CREATE OR REPLACE TABLE probabilities (stratum VARCHAR[], half INTEGER, cell VARCHAR, probability DOUBLE, place INTEGER)"
    )
    for place, one in enumerate(groups):
        database.run(
            "INSERT INTO probabilities VALUES (?::VARCHAR[], ?, ?, ?, ?)",
            [list(one.stratum), one.half, one.cell, one.probability, place],
        )


def _drawn_query() -> str:
    """Write who is drawn, those first whose number is smallest for their probability: whoever stops labelling stops at random.

    Labelled up to a place in that order, the images are those that would have been drawn with all probabilities smaller by one
    factor (Ohlsson 1998, Sequential Poisson sampling).
    """
    endings = ", ".join(f"'{one}'" for one in ENDINGS)
    return f"""
        WITH numbered AS (
            SELECT key, content_sha256, probability, {sql_number(DRAWN, "key", "content_sha256")} AS u,
                {sql_number(TWICE, "key", "content_sha256")} < {FOR_TWO} AS twice
            FROM grouped JOIN probabilities USING (stratum, half, cell)
        ),
        here AS (
            SELECT *, (key, content_sha256) IN (SELECT (key, content_sha256) FROM drawn WHERE number IS NOT NULL) AS handed_out
            FROM numbered WHERE u < probability
        ),
        placed AS (
            SELECT *, CASE WHEN NOT handed_out THEN row_number() OVER (PARTITION BY handed_out ORDER BY u / probability, key) END
                ::INTEGER AS number
            FROM here
        )
        SELECT key, content_sha256, probability, number,
            CASE WHEN number IS NOT NULL THEN printf('%05d', number) || '-' || {SQL_MARK} ||
                CASE WHEN lower(regexp_extract(key, '[.][^./]*$')) IN ({endings}) THEN lower(regexp_extract(key, '[.][^./]*$'))
                    ELSE '.jpg' END
            END AS name,
            twice AND number IS NOT NULL AS twice
        FROM placed ORDER BY key
    """


def _conf(run: StoredRun) -> float:
    return float(run.summary.result["conf"])


def _taxon(said: str | None, names: Mapping[str, str]) -> str | None:
    if said is None:
        return None
    found = names.get(said)
    if found is None:
        there = ", ".join(shown(one, 80) for one in sorted(set(names.values()))[:8])
        raise ConfigError(f"--for {shown(said, 100)!r}: the dataset counts no such taxon - there are: {there}")
    return found


def describe(drawn: Drawn) -> list[str]:
    """Say what was drawn, in lines."""
    json, new = drawn.design.json, drawn.design.json["drawn"]["new"]
    of = f"{counted(json['frame']['images'], 'image')} that run {json['dataset']}/{json['run_key']} counts"
    again = ", as it was drawn before" if drawn.again else ""
    lines = [
        f"sample {drawn.design.name} of {of}: {json['drawn']['images']} drawn, {json['expected']:g} expected{again}",
    ]
    probabilities = [one["probability"] for one in json["groups"]]
    how = f"{json['allocation']} by {', '.join(json['strata'])}" if json["strata"] else "without strata"
    span = (
        f"{min(probabilities):.4g}"
        if min(probabilities) == max(probabilities)
        else f"{min(probabilities):.4g} to {max(probabilities):.4g}"
    )
    by = (
        "by the error expected from earlier labels"
        if json["pilot"]
        else "all images of a stratum alike, as no labels tell of errors yet"
    )
    lines.append(f"probabilities {span}, {how}: {by}")
    if drawn.earlier:
        lines.append(f"{counted(drawn.earlier, 'image')} of it were handed out by earlier samples, {new} are new")
    if left := json["frame"]["images_of_people_left_out"]:
        lines.append(f"left out because they show people: {counted(left, 'image')}; no estimate is of them")
    return lines
