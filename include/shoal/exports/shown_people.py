"""Which images, boxes and numbers of an answer are of people, for whatever is exported of it."""

from shoal.exports.export import Answer
from shoal.pictures.people import EVERY_BOX, counted_as_people, people_of, with_people
from shoal.tables.session import Database


def view_people(database: Database, answer: Answer) -> None:
    """Make the view `people`, (key, object_version) of the images, and `person_boxes`, the boxes at or above the threshold.

    It is the stored tables that are asked: a person must not become public since another taxon was asked for.

    Args:
        database: Holds the views of `view_answer`.
        answer: Whose dataset file of today says who is a person.

    Raises:
        ConfigError: The answer does not tell which images show people.
    """
    people = people_of(answer.result, answer.plan.run_key, answer.described.taxa)
    database.run(f"CREATE OR REPLACE VIEW people AS {with_people(people, EVERY_BOX)}")
    database.run(f"CREATE OR REPLACE VIEW person_boxes AS SELECT * FROM stored_detections WHERE {people.is_person}")


def leave_people_out(database: Database, answer: Answer, width: str) -> dict[str, int]:
    """Set `counted_people`, the taxa that series are exported without: people of today were counted as them.

    Args:
        database: Holds the views of `view_answer`.
        answer: Whose dataset file of today says who is a person.
        width: Of bins, whose detections of them are counted.

    Returns:
        How many detections are left out, where there are any.
    """
    database.set_variable("counted_people", sorted(counted_as_people(answer.result, answer.described.taxa)))
    left_out = database.value(
        f"SELECT sum(detections) FROM counts_{width} WHERE list_contains(getvariable('counted_people'), taxon)"
    )
    return {"detections of taxa that people were counted as": int(left_out)} if left_out else {}
