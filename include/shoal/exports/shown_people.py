"""Which images and boxes of an answer are of people, for whatever is exported of it."""

from shoal.exports.export import Answer
from shoal.pictures.people import EVERY_BOX, people_of, with_people
from shoal.tables.session import Database


def view_people(database: Database, answer: Answer) -> None:
    """Make the view `people`, (key, object_version) of the images, and `person_boxes`, the boxes at or above the threshold.

    Sets `people_taxa`: taxa of the answer that people of today were counted as.

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
    database.set_variable("people_taxa", sorted(people.taxa))
