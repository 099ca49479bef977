"""People's labels as views: of each image the newest word of each person, and whose word counts."""

from collections.abc import Mapping, Sequence

from shoal.evidence.design import Design
from shoal.evidence.stored import DRAWN, LABELS, Import
from shoal.tables.session import Database

LOOK = -1
"""Position of the line that says that somebody looked."""

_VIEWS = (
    # A person's newest word on an image takes the place of what he said before.
    f"""
    CREATE OR REPLACE VIEW looks AS
    SELECT key, content_sha256, person, max(imported_at) AS imported_at, min(imported_at) AS first_at,
        arg_max(sample IS NOT NULL, imported_at) AS through_sample
    FROM label_lines WHERE position = {LOOK} GROUP BY ALL
    """,
    """
    CREATE OR REPLACE VIEW words AS
    SELECT lines.*, label_names.taxon FROM label_lines AS lines
    SEMI JOIN looks ON lines.key = looks.key AND lines.content_sha256 = looks.content_sha256 AND lines.person = looks.person
        AND lines.imported_at = looks.imported_at
    LEFT JOIN label_names USING (label)
    """,
    # Of two people the one counts who was first: whose word is taken must not depend on what it says. What came of a sample goes
    # before what lay there already, and nobody in particular may be the one whose name is told later.
    """
    CREATE OR REPLACE VIEW first_looks AS
    SELECT key, content_sha256, person, through_sample FROM looks QUALIFY row_number() OVER (
        PARTITION BY key, content_sha256 ORDER BY through_sample DESC, person = '', first_at, person
    ) = 1
    """,
    "CREATE OR REPLACE VIEW sampled_looks AS FROM first_looks WHERE through_sample",
    """
    CREATE OR REPLACE VIEW labelled AS
    SELECT key, content_sha256, taxon, sum(individuals)::BIGINT AS individuals FROM words
    SEMI JOIN first_looks USING (key, content_sha256, person)
    WHERE taxon IS NOT NULL GROUP BY ALL
    """,
)

_COUNTS_OF_TWO = """
    WITH named AS (FROM looks WHERE person <> ''),
    several AS (SELECT key, content_sha256 FROM named GROUP BY ALL HAVING count(*) >= 2),
    pairs AS (
        SELECT *, row_number() OVER (
            PARTITION BY key, content_sha256 ORDER BY through_sample DESC, first_at, person
        ) AS place
        FROM named SEMI JOIN several USING (key, content_sha256) QUALIFY place <= 2
    ),
    said AS (
        SELECT key, content_sha256, person, taxon, sum(individuals) AS individuals FROM words
        WHERE taxon IS NOT NULL GROUP BY ALL
    ),
    taxa AS (SELECT DISTINCT taxon FROM said SEMI JOIN pairs USING (key, content_sha256))
    SELECT taxon, max(coalesce(individuals, 0)) FILTER (place = 1)::BIGINT,
        max(coalesce(individuals, 0)) FILTER (place = 2)::BIGINT
    FROM pairs CROSS JOIN taxa LEFT JOIN said USING (key, content_sha256, person, taxon)
    GROUP BY taxon, key, content_sha256 ORDER BY taxon, key, content_sha256
"""


def view_labels(database: Database, imports: Sequence[Import], names: Mapping[str, str]) -> None:
    """Make the views `looks`, `words`, `first_looks`, `sampled_looks` and `labelled` (individuals by image and taxon).

    Args:
        database: A session on the results bucket.
        imports: All labels.
        names: Taxon of each word that counts.
    """
    database.view_parquet("label_lines", [one.lines_key for one in imports], LABELS)
    database.run("CREATE OR REPLACE TABLE label_names (label VARCHAR, taxon VARCHAR)")
    said = database.run("SELECT DISTINCT label FROM label_lines WHERE label IS NOT NULL").fetchall()
    known = [(label, names[label]) for (label,) in said if label in names]
    for pair in known:
        database.run("INSERT INTO label_names VALUES (?, ?)", pair)
    for view in _VIEWS:
        database.run(view)


def view_drawn(database: Database, designs: Sequence[Design], view: str = "drawn") -> None:
    """Make what samples drew one view, with the sample's name in `sample`."""
    database.view_parquet(f"{view}_none", [], {"sample": "VARCHAR", **DRAWN})
    selects = [f"FROM {view}_none"]
    for number, design in enumerate(designs):
        database.view_parquet(f"{view}_{number}", [design.drawn_key], DRAWN)
        selects.append(f"SELECT '{design.name}' AS sample, * FROM {view}_{number}")
    database.run(f"CREATE OR REPLACE VIEW {view} AS {' UNION ALL '.join(selects)}")


def counts_of_two(database: Database) -> dict[str, list[tuple[int, int]]]:
    """Give what two people counted in each image that both looked at, by taxon that one of them saw anywhere."""
    found: dict[str, list[tuple[int, int]]] = {}
    for taxon, first, second in database.run(_COUNTS_OF_TWO).fetchall():
        found.setdefault(taxon, []).append((first, second))
    return found
