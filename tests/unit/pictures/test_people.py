"""Who is a person: by the dataset file of today, in answers that may be older than what it says."""

import pytest

from shoal.contract.errors import ConfigError
from shoal.pictures.people import people_of, with_people
from shoal.settings.analysis import Taxon
from shoal.tables.session import open_database

RUN = "20260601T000000000Z-0a0a0a0a"


def result_of(**then):
    return {"dataset": "reef", "settings": {"taxa": then}}


@pytest.mark.parametrize(
    ("then", "today"),
    [
        pytest.param({"diver": {"role": "ignore"}}, {"diver": Taxon(role="human")}, id="itself"),
        pytest.param(
            {"diver": {"merge_into": "stuff"}, "stuff": {"role": "ignore"}},
            {"diver": Taxon(role="human")},
            id="merged into what was ignored",
        ),
        pytest.param(
            {"diver": {"role": "ignore"}},
            {"diver": Taxon(merge_into="person"), "person": Taxon(role="human")},
            id="merged into a person today",
        ),
    ],
)
def test_an_answer_that_left_people_out_shows_nothing_and_says_the_way_out(then, today):
    with pytest.raises(
        ConfigError,
        match=r"class 'diver', now human, had role ignore: .* infers nothing: python -m shoal summarize reef --publish$",
    ):
        people_of(result_of(**then), RUN, today)


def test_a_class_that_was_ignored_but_counted_as_another_one_is_told():
    """Its own role does not matter where it was merged: its boxes are in the tables."""
    then = {"diver": {"role": "ignore", "merge_into": "fish"}}
    assert people_of(result_of(**then), RUN, {"diver": Taxon(role="human")}).taxa == {"fish"}


def test_whoever_was_merged_with_others_may_have_lost_the_box_to_them():
    people = people_of(result_of(diver={"merge_into": "stuff"}), RUN, {"diver": Taxon(role="human")})
    with open_database(None) as database:
        database.run(
            "CREATE TABLE seen AS SELECT * FROM (VALUES ('a', 'v', 'count', 'bag', 'stuff', NULL), "
            "('b', 'v', 'count', 'fish', 'fish', NULL), ('c', 'v', 'human', 'x', 'x', NULL), "
            "('d', 'v', 'count', 'Diplodus sargus', 'Diplodus sargus', 'diver'), "
            "('e', 'v', 'count', 'Diplodus sargus', 'Diplodus sargus', 'fish')) "
            "AS t(key, object_version, role, class_name, taxon, first_class_name)"
        )
        found = {key for key, _ in database.run(with_people(people, ("seen",))).fetchall()}
        assert found == {"a", "c", "d"}, "the first of two models in a row tells, whatever the second calls the box"
        assert database.run(f"SELECT key FROM seen WHERE {people.is_person} ORDER BY 1").fetchall() == [("c",), ("d",)]


def test_whether_there_are_people_at_all_is_known():
    assert not people_of(result_of(fish={}), RUN, {"fish": Taxon()}).any
    assert people_of(result_of(diver={"role": "human"}), RUN, {}).any
