"""What a paper says of an answer: figures of plan and summary in sentences, and entries that LaTeX reads."""

import sys
from argparse import ArgumentParser
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shoal.cli import cite as command
from shoal.contract.errors import ConfigError
from shoal.evidence.cite import cite, keep_cited
from shoal.history.gc import survey, terms_of
from shoal.settings.publish import Licence, Publish


def test_the_methods_say_what_was_looked_at_how_and_what_counts(reef):
    run = reef.run
    said = " ".join(cite(run).methods)
    uses = run.summary.uses
    for part in (
        f"All {run.plan.counts.listed} images of the data set reef, as listed on ",
        f"The model {run.plan.models_with_hash} looked at each image",
        f"Of {run.summary.examined} examined images {uses['used']} are counted",
        "Detections count from a score of ",
        "Counts are detections in images, not individuals",
        f"SHA-256 {run.summary.result_sha256}",
    ):
        assert part in said, said


def test_images_that_nobody_examined_are_said_with_why(reef):
    run, listed = reef.run, reef.run.plan.counts.listed
    balance = {**run.summary.balance, "processed": run.summary.balance["processed"] - 4, "archived": 3, "gone": 1}
    found = cite(replace(run, summary=replace(run.summary, balance=balance, examined=run.summary.examined - 4)))
    assert found.methods[0].startswith(f"Of {listed} images of the data set reef, as listed on ")
    assert f" UTC, {listed - 4} were examined with Shoal " in found.methods[0]
    assert found.methods[0].endswith("; of the others 3 were in an archive of the store's, 1 was gone meanwhile.")
    assert (found.facts["images"], found.facts["examined"]) == (listed, listed - 4)


@pytest.mark.parametrize(
    ("of_run", "reused", "versions", "by_whom"),
    [
        pytest.param(None, 0, ["0.1.0"], "Shoal 0.1.0.", id="one release looked at all"),
        pytest.param(None, 40, ["0.2.0"], "Shoal 0.2.0, 40 of them in earlier runs.", id="another one may have looked at most"),
        pytest.param(None, 40, [], "Shoal, 40 of them in earlier runs.", id="an idle night"),
        pytest.param("20260601T000000Z-abcdefgh", 0, [], "Shoal in run reef/20260601T000000Z-abcdefgh.", id="counted again"),
    ],
)  # fmt: skip
def test_no_release_is_said_to_have_looked_at_images_of_others(reef, of_run, reused, versions, by_whom):
    """As summaries of earlier releases tell, which name those of a run's own rows alone."""
    summary = reef.run.summary
    summary = replace(
        summary,
        balance={**summary.balance, "reused": reused, "processed": summary.balance["processed"] - reused},
        run={**summary.run, "worker_versions": versions, "examined_with": None},
    )
    run = replace(reef.run, plan=replace(reef.run.plan, of_run=of_run), summary=summary)
    assert cite(run).methods[0].endswith(f"were examined with {by_whom}")


def test_names_that_latex_would_read_are_written_so_that_it_does_not(reef):
    said = Publish(
        title="100% of {reef} & co_1",
        handle="https://hdl.handle.net/1/2",
        licence=Licence(data="CC0-1.0", media="CC-BY-4.0"),
    )
    plan = replace(
        reef.run.plan, settings_json={**reef.run.plan.settings_json, "publish": said.model_dump(mode="json")}
    )
    found = cite(replace(reef.run, plan=plan))
    assert r"  title = {100\% of \{reef\} \& co\_1}," in found.bibtex[0].splitlines()
    assert r"  howpublished = {\url{https://hdl.handle.net/1/2}}," in found.bibtex[0].splitlines()
    assert "Licence of the numbers: CC0-1.0; of the images: CC-BY-4.0." in found.methods


def test_a_run_that_is_not_complete_is_not_cited(reef):
    part = replace(reef.run, summary=replace(reef.run.summary, complete=False))
    with pytest.raises(ConfigError, match="is not complete, what it counts is not what its images hold"):
        cite(part)


def test_gc_keeps_all_of_a_run_that_is_cited(reef):
    stores = reef.pipeline.stores
    current = stores.results.read_json(stores.layout.current)
    terms = replace(terms_of(reef.pipeline.dataset, stores.results), keep=timedelta(0))

    def reasons():
        return {verdict.reason for verdict in survey(stores.results, stores.layout, terms).verdicts}

    assert "the run is cited" not in reasons()
    key = keep_cited(stores.results, stores.layout, reef.run)
    stores.results.delete([stores.layout.current])
    try:
        assert "the run is cited" in reasons()
    finally:
        stores.results.delete([key])
        stores.results.write_json(stores.layout.current, current)


def test_a_paper_holds_commands_as_its_readers_type_them(reef, monkeypatch, capsys, tmp_path):
    @contextmanager
    def reach(_name, _dataset):
        yield reef.pipeline.stores

    monkeypatch.setenv("SHOAL_DATASETS", str(tmp_path))
    monkeypatch.setattr(command, "find_dataset", lambda _: reef.pipeline.dataset)
    monkeypatch.setattr(command, "reach_results", reach)
    monkeypatch.chdir(Path(sys.executable).parent)  # as in a checkout, whose commands name its own interpreter
    parser = ArgumentParser()
    command.add_arguments(parser)
    assert command.execute(parser.parse_args([f"reef/{reef.run.run_key}"])) == 0
    printed = capsys.readouterr().out
    assert "and `python -m shoal verify` recomputes it from what is stored." in printed
    assert f"once it is in print: {Path(sys.executable).name} -m shoal cite reef/" in printed
