"""The worker's command line: what one side writes the other reads."""

from pathlib import Path

import pytest

from shoal.contract.worker_command import WorkerCommand

PLAIN = WorkerCommand("results", "frozen/demo/runs/x/plan.json", 7, "attempt7")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(PLAIN, id="what every attempt says"),
        pytest.param(
            WorkerCommand(
                "results",
                "plans with a space/plan.json",
                0,
                "a1234567",
                manifest="runs/x/remaining-0000-a1234567.parquet",
                mount=Path("/bucket/images"),
                threads=4,
                progress_interval_s=0.05,
                careful=True,
            ),
            id="everything",
        ),
    ],
)
def test_a_command_is_read_as_it_was_written(command):
    assert WorkerCommand.parse(command.to_words()) == command


def test_an_attempt_that_is_not_named_gets_a_name_of_its_own():
    words = [word for word in PLAIN.to_words() if word not in {"--attempt", "attempt7"}]
    assert len({WorkerCommand.parse(words).attempt for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("--threads", "0"), "0 is not a positive number", id="no thread"),
        pytest.param(("--attempt", "A8"), "'A8' is not 8 characters of a-z and 0-9", id="attempt's name"),
        pytest.param(("--conf", "0.5"), "unrecognized arguments: --conf 0.5", id="no such option"),
    ],
)
def test_a_mistake_is_told_as_argparse_tells_it(words, said, capsys):
    with pytest.raises(SystemExit):
        WorkerCommand.parse([*PLAIN.to_words(), *words])
    assert said in capsys.readouterr().err
