"""What Shoal has to know of a task to keep and to count what a model finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One purpose of models, such as `detect`.

    Attributes:
        name: As models call it in their metadata.
        columns: Columns of a row that it fills for a processed image; all others are the same for every task.
        settings: Fields of the dataset's `model` that decide what is found; part of the variant's identity.
        sql: Files below `tables/sql/` that make of the rows what counts, `detections`, and what does not, `below`.
    """

    name: str
    columns: tuple[str, ...]
    settings: tuple[str, ...]
    sql: tuple[str, ...]
