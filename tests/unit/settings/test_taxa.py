"""Taxa of a dataset file: what may be written, what agrees with what, and the lines that a model's classes lack."""

import pytest
import yaml

from dataset_settings import dataset_settings
from shoal.contract.errors import ConfigError
from shoal.settings.analysis import Taxon
from shoal.settings.changed import stored_settings
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import load_dataset
from shoal.settings.taxa import find_double_ids, human_classes
from shoal.settings.taxa_table import lines_to_add, read_scientific, table_lines, taxon_of, without_id


@pytest.fixture
def load(tmp_path):
    """Loads a dataset file that has these taxa."""

    def load(taxa):
        path = tmp_path / "reef.yaml"
        text = yaml.safe_dump(dataset_settings("reef", "test", **({} if isinstance(taxa, str) else {"taxa": taxa})))
        path.write_text(text + (taxa if isinstance(taxa, str) else ""), encoding="utf-8")
        return load_dataset(path).taxa

    return load


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param({"aphia_id": "urn:lsid:marinespecies.org:taxname:127054"}, "is no number - write 127054", id="an LSID"),
        pytest.param(
            {"aphia_id": "https://www.marinespecies.org/aphia.php?p=taxdetails&id=127054"}, "is no number - write 127054", id="an address"
        ),
        pytest.param({"aphia_id": 0}, "'0' is no AphiaID - write the number of the taxon in WoRMS", id="nothing"),
        pytest.param({"aphia_id": -5}, "'-5' is no AphiaID", id="below nothing"),
        pytest.param({"aphia_id": True}, "'True' is no AphiaID", id="a yes"),
        pytest.param({"aphia_id": 127054.0}, "'127054.0' is no AphiaID", id="a decimal"),
        pytest.param({"aphia_id": 10**10}, "'10000000000' is no AphiaID", id="more than a table holds"),
        pytest.param({"aphia_id": "१२३"}, "is no AphiaID", id="digits of another script"),
        pytest.param({"gbif_key": 0}, "greater than or equal to 1", id="no GBIF key"),
        pytest.param({"gbif_key": "2397208"}, "valid integer", id="a GBIF key in quotes"),
        pytest.param({"mobility": "slow"}, "'mobile' or 'sessile'", id="no mobility"),
        pytest.param({"role": "person"}, "'count', 'ignore', 'exclude_image' or 'human'", id="no role"),
        pytest.param({"vernacular": ""}, "is no name", id="an empty name"),
        pytest.param({"vernacular": "two\nlines"}, "is no name", id="two lines"),
        pytest.param({"parent": "Coris julis"}, "the taxa above it lead back to itself", id="its own parent"),
        pytest.param({"role": "human", "merge_into": "Sarpa salpa"}, "role: human and merge_into 'Sarpa salpa', which is counted", id="a person as fish"),
        pytest.param({"role": "ignore", "merge_into": "Sarpa salpa"}, "role: ignore and merge_into 'Sarpa salpa', which has role count - leave one", id="ignored and counted"),
        pytest.param({"role": "exclude_image", "merge_into": "Sarpa salpa"}, "which has role count", id="excluded and counted"),
        pytest.param({"scientific": "Coris julis"}, "did you mean scientific_name?", id="another word"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_taxon_is_one_line(load, entry, said):
    with pytest.raises(ConfigError) as raised:
        load({"Coris julis": entry})
    assert "taxa" in str(raised.value)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_parents_that_go_round_are_told_and_long_lines_are_not(load):
    with pytest.raises(ConfigError, match="lead back to itself"):
        load({"a": {"scientific_name": "A", "parent": "B"}, "b": {"scientific_name": "B", "parent": "A"}})
    assert load({"a": {"parent": "b"}, "b": {"parent": "c"}, "c": {"parent": "d"}})["c"].parent == "d"


def test_files_and_plans_of_before_are_read_and_written_as_they_were(load):
    """Nothing is stored of what nobody wrote, and what was stored is not judged again: a plan from then stays readable."""
    before = {"scientific_name": None, "aphia_id": 127054, "role": "count", "merge_into": None, "conf": None}
    assert load({"a": {"aphia_id": "127054"}})["a"].aphia_id == 127054
    settings = dataset_settings("reef", "test", taxa={"a": before, "b": {**before, "aphia_id": -1}}, name="reef")
    dataset = Dataset.model_validate(settings)
    assert stored_settings(dataset)["taxa"] == {"a": before, "b": {**before, "aphia_id": -1}}
    said = {"vernacular": "sargo", "gbif_key": 5, "mobility": "sessile", "parent": "Diplodus"}
    assert Taxon(**said).model_dump(mode="json") == {**before, "aphia_id": None, **said}


def test_a_merged_class_may_have_the_role_of_what_it_is_merged_into_and_stored_ones_any(load):
    people = {"Diver": {"role": "human", "merge_into": "Person"}, "Person": {"role": "human"}}
    assert load(people)["Diver"].role == "human"
    stored = {"Coris julis": {"role": "ignore", "merge_into": "Chromis chromis"}}
    settings = dataset_settings("reef", "test", taxa=stored, name="reef")
    assert stored_settings(Dataset.model_validate(settings))["taxa"]["Coris julis"]["role"] == "ignore"
    rows = list(
        table_lines(["Tripod", "Frame"], load({"Tripod": {"merge_into": "Frame"}, "Frame": {"role": "ignore"}}))
    )
    assert [row.split()[-1] for row in rows[1:]] == ["ignore", "ignore"], "the role it counts with"


def test_people_are_known_by_what_they_are_merged_into():
    taxa = {"Person": Taxon(role="human"), "Diver": Taxon(merge_into="Person"), "Coris julis": Taxon()}
    assert human_classes(taxa) == {"Person", "Diver"}


def double(**taxa):
    entries = {name.replace("_", " "): Taxon(**entry) for name, entry in taxa.items()}
    return list(find_double_ids({name: taxon_of(name, entries) for name in entries}, entries))


def test_identifiers_are_told_that_two_taxa_share_or_one_has_twice():
    assert double(Coris={"aphia_id": 1}, Sarpa={"aphia_id": 2}) == []
    assert double(Coris={"aphia_id": 1, "gbif_key": 7}, Sarpa={"aphia_id": 1, "gbif_key": 7}) == [
        "Coris and Sarpa have one AphiaID, 1 - correct it where it is wrong, or merge_into one of them",
        "Coris and Sarpa have one GBIF key, 7 - correct it where it is wrong, or merge_into one of them",
    ]
    assert double(Coris_f={"aphia_id": 1, "scientific_name": "C"}, Coris_m={"aphia_id": 2, "scientific_name": "C"}) == [
        "C has 2 AphiaIDs, 1 and 2 - keep the right one"
    ]
    assert double(Coris={"aphia_id": 1}, back={"aphia_id": 1, "merge_into": "Coris"}) == [], (
        "its own counts for nothing"
    )


@pytest.mark.parametrize(
    ("class_name", "scientific", "parent"),
    [
        pytest.param("Diplodus vulgaris", "Diplodus vulgaris", "Diplodus", id="as it should be"),
        pytest.param("Diplodus_vulgaris", "Diplodus vulgaris", "Diplodus", id="with an underscore"),
        pytest.param("Diplodus sargus cadenati", "Diplodus sargus cadenati", "Diplodus", id="a subspecies"),
        pytest.param("Diplodus sp.", "Diplodus", None, id="a genus"),
        pytest.param("Diver", None, None, id="one word"),
        pytest.param("striped bass", None, None, id="a common name"),
        pytest.param("Chromis chromis (back)", None, None, id="more than a name"),
        pytest.param("fish-1", None, None, id="a number"),
        pytest.param("", None, None, id="nothing"),
    ],
)
def test_scientific_names_are_known_by_their_form(class_name, scientific, parent):
    assert read_scientific(class_name) == (scientific, parent)


HOSTILE = (
    'a: "b"',
    "# no",
    "on",
    "new\nline",
    "{{ x }}",
    "- dash",
    "魚",
    "Coris_julis",
    "Coris julis",
    "person",
    "12",
    "null",
)


def test_the_lines_to_add_are_pasted_as_they_stand(load):
    lines = list(lines_to_add(HOSTILE, {}))
    taxa = load("\n".join(["taxa:", *lines]) + "\n")
    assert set(taxa) == set(HOSTILE)
    assert list(lines_to_add(HOSTILE, taxa)) == []
    assert taxa["person"].role == "human"
    assert {name for name in HOSTILE if taxa[name].scientific_name or taxa[name].parent} == set(), (
        "guesses are questions"
    )


@pytest.mark.parametrize(
    ("class_name", "role", "question"),
    [
        pytest.param(
            "Sea urchin", "count", "# Sea urchin? To be checked", id="a common name in the form of a scientific one"
        ),
        pytest.param("Coris_julis", "count", "# Coris julis? To be checked", id="a scientific name"),
        pytest.param("Scuba diver", "human", "# Scuba diver reads like none", id="a diver"),
        pytest.param("SCUBA_DIVERS-2", "human", "reads like none", id="several, and a number"),
        pytest.param("Homo sapiens", "human", "reads like none", id="a species of people"),
        pytest.param(
            "Gavia immer", "count", "# Gavia immer? To be checked", id="a bird that is called a diver, by its name"
        ),
        pytest.param("Humanoid", "count", "reads like none", id="a part of a word"),
    ],
)
def test_what_a_class_name_may_mean_is_asked_and_people_are_known_word_by_word(load, class_name, role, question):
    lines = "\n".join(lines_to_add([class_name], {}))
    [entry] = load(f"taxa:\n{lines}\n").values()
    assert (entry.role, entry.scientific_name, entry.parent) == (role, None, None)
    assert question in lines


def test_the_table_shows_what_each_class_is(load):
    taxa = load({"Coris julis": {"aphia_id": 126963, "mobility": "mobile"}, "juvenile": {"merge_into": "Coris julis"}})
    names = ("Coris julis", "juvenile", "new\nline")
    head, *rows = list(table_lines(names, taxa))
    assert head.split() == ["class", "taxon", "AphiaID", "GBIF", "key", "common", "name", "mobility", "parent", "role"]
    assert [row.split() for row in rows] == [
        ["Coris", "julis", "Coris", "julis", "126963", "-", "-", "mobile", "-", "count"],
        ["juvenile", "into", "Coris", "julis", "-", "-", "-", "-", "-", "count"],
        ["new\\nline", "not", "in", "the", "file", "-", "-", "-", "-", "-", "count"],
    ]
    assert without_id(names, taxa) == ["new\nline"]
    assert without_id(names, load({name: {"role": "ignore"} for name in names})) == []
