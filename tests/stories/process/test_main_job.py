"""From bucket to summary with the demo's scenes: the numbers are the truth, whatever happened on the way."""

from collections import Counter, defaultdict
from html import unescape

import duckdb
import pytest

from shoal.contract.errors import ContractError
from shoal.contract.rows import Status
from shoal.embedded.samples.demo_model import VERSIONS
from shoal.results.answer import read_current


@pytest.fixture(scope="module")
def whole_demo(store, demo_models, scenes, bad, tmp_path_factory):
    """The demo bucket, whole, after its first run."""
    from pipeline import make_pipeline

    pipeline = make_pipeline(store, demo_models, tmp_path_factory.mktemp("whole"))
    pipeline.put_scenes(scenes)
    for file in bad:
        pipeline.put(file.key, file.data)
    return pipeline, pipeline.run()


def truth(scenes, bad, species, *, by):
    """Count the fish that were drawn, per species and whatever `by` takes from a key."""
    counts = Counter()
    shown = list(scenes) + [file for file in bad if file.fish and "copy of" not in file.key]
    for scene in shown:
        for fish in scene.fish:
            if fish.species in species and "no date" not in scene.key:
                counts[(fish.species, *by(scene.key))] += 1
    return counts


def camera_and_day(key):
    name = key.rsplit("/", 1)[-1]
    stamp = next(word for word in name.replace("-", " ").split() if word.isdigit() and len(word) == 8)
    return ("IPC608" if "IPC608" in name else "IPC710", f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}T00:00:00Z")


def test_counts_equal_the_truth_per_species_camera_and_day(whole_demo, scenes, bad, tmp_path):
    pipeline, done = whole_demo
    data = pipeline.stores.results.read_bytes(done.summary["folder"] + "counts-day.csv")
    (tmp_path / "counts-day.csv").write_bytes(data)
    found = {
        (taxon, camera, day): count
        for taxon, camera, day, count in duckdb.sql(
            f"SELECT taxon, camera, bin_start, detections FROM read_csv('{tmp_path}/counts-day.csv', all_varchar=true)"
        ).fetchall()
    }
    expected = truth(scenes, bad, VERSIONS["v1"], by=camera_and_day)
    assert {key: int(count) for key, count in found.items()} == {key: expected[key] for key in found}
    assert sum(expected.values()) == sum(int(count) for count in found.values())


def test_species_table_equals_the_truth(whole_demo, scenes, bad):
    _, done = whole_demo
    expected = truth(scenes, bad, VERSIONS["v1"], by=lambda _: ())
    species = {entry["taxon"]: entry for entry in done.summary["result"]["species"]}
    assert {(name,): entry["detections"] for name, entry in species.items()} == expected
    per_image = defaultdict(Counter)
    for scene in [*scenes, *(file for file in bad if "copy of" not in file.key and "no date" not in file.key)]:
        per_image[scene.key].update(fish.species for fish in scene.fish)
    for name, entry in species.items():
        assert entry["maxn"] == max(counts[name] for counts in per_image.values())
        assert entry["images_with"] == sum(1 for counts in per_image.values() if counts[name])
        assert per_image[entry["maxn_key"]][name] == entry["maxn"]


def test_every_bad_file_has_its_defined_result(whole_demo, bad):
    pipeline, done = whole_demo
    rows = pipeline.rows(done)
    found = {file.key: (rows[file.key]["status"], rows[file.key]["reason"]) for file in bad}
    assert found == {file.key: (str(file.expected_status), file.expected_reason) for file in bad}
    failures = pipeline.stores.results.read_bytes(done.summary["folder"] + "failures.csv").decode()
    for file in bad:
        assert (file.key in failures) == (file.expected_status is Status.FAILED)


def test_both_balances_close_and_name_duplicate_and_undated(whole_demo, scenes, bad):
    _, done = whole_demo
    assert done.balance.listed == len(scenes) + len(bad)
    assert sum(done.balance.fates.values()) == done.balance.listed
    uses = done.summary["result"]["balance"]
    assert uses == {"used": len(scenes) + 3, "duplicate": 1, "undated": 1, "unusable": 0, "failed": 4}


def test_verify_finds_nothing_and_the_run_is_the_answer(whole_demo):
    pipeline, done = whole_demo
    run = done.summary["run"]["run_key"]
    current = read_current(pipeline.stores.results, pipeline.stores.layout)
    verification = pipeline.verify(run, current["variant"]["directory"])
    assert verification.deviations == ()
    assert verification.result_sha256 == done.summary["result_sha256"]
    assert current["run_key"] == run


def test_a_second_run_infers_nothing_and_gives_the_same_result(whole_demo):
    pipeline, first = whole_demo
    plan = pipeline.plan()
    assert plan.work.shards == ()
    again = pipeline.summarize(plan)
    assert again.balance.fates["reused"] == again.balance.listed
    assert again.summary["result_sha256"] == first.summary["result_sha256"]
    assert again.summary["run"]["ledger"] is None


def test_report_names_every_species_and_both_balances(whole_demo):
    pipeline, done = whole_demo
    html = pipeline.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    for words in ("Chromis chromis", "Diplodus vulgaris", "Coris julis", "<svg", "1 truncated", "1 duplicate"):
        assert words in html
    odd = done.summary["run"]["clock"]["odd"]
    assert any("has no time in its name" in sentence and "--propose looks for one" in sentence for sentence in odd)
    for words in ("<strong>1 image has no usable time</strong> (1 undated)", *odd):
        assert words in " ".join(unescape(html).split())
    assert "http://" not in html.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ), "the report needs nothing from elsewhere"


def test_the_report_of_a_part_of_the_dataset_says_so_and_names_the_files_beside_it(few_images):
    whole = few_images.run()
    part = few_images.run(prefix="IPC608/", conf=0.5, window_start="2026-06-02T00:00:00Z")

    def report(done):
        return few_images.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()

    assert "Not the dataset's answer" not in report(whole)
    assert (
        "This run was started with: only images whose keys begin with IPC608/; only images captured at "
        "2026-06-02T00:00:00Z or later; detections from confidence 0.5 on, for every species."
    ) in report(part)
    assert "<strong>Not the dataset's answer.</strong>" in report(part)
    for name in ("counts-day.csv", "failures.csv"):
        assert f'<a href="{name}">{name}</a>' in report(whole)


def test_parts_are_gone_once_the_ledger_holds_their_rows(whole_demo):
    pipeline, done = whole_demo
    directory = read_current(pipeline.stores.results, pipeline.stores.layout)["variant"]["directory"]
    layout = pipeline.stores.layout.variant(directory)
    assert pipeline.stores.results.list_keys(layout.parts) == []
    assert done.summary["run"]["ledger"] in pipeline.stores.results.list_keys(layout.ledgers)


def test_model_v2_sees_one_more_species_in_its_own_variant(few_images):
    first = few_images.run()
    plan = few_images.plan(model_version="v2")
    assert plan.work.images == 12
    few_images.infer(plan)
    second = few_images.summarize(plan)
    names = [{entry["taxon"] for entry in done.summary["result"]["species"]} for done in (first, second)]
    assert names[1] - names[0] == {"Sarpa salpa"}
    assert second.not_current_because is not None
    assert few_images.plan().reused == 12, "v1 is untouched"


def test_a_summary_without_its_plan_says_so(few_images):
    plan = few_images.plan()
    few_images.infer(plan)
    few_images.stores.results.delete([few_images.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan])
    with pytest.raises(
        ContractError,
        match=rf"^Plan '.*plan\.json' of run {plan.run_key} is not in bucket .*: nothing tells what the run was",
    ):
        few_images.summarize(plan)
