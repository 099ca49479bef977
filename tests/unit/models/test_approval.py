"""The rules of approval and of `latest`, as tables."""

import pytest

from dataset_settings import dataset_settings
from shoal.contract.errors import ConfigError
from shoal.models.approval import Answer, Asks, Decision, Rate, Work, cores_of, decide, is_newer
from shoal.models.versions import order_candidates
from shoal.settings.dataset import Dataset

YES, NO = Answer(yes=True, by="ana", at="2026-11-01T10:00:00Z"), Answer(yes=False, by="ana", at="2026-11-01T10:00:00Z")
MUCH, LITTLE, NOTHING = (Work(images, Rate(1.0, "assumed")) for images in (360_000, 3_600, 0))


@pytest.mark.parametrize(
    ("work", "threshold", "answer", "asks", "in_use", "expected"),
    [
        pytest.param(
            LITTLE, 24, None, Asks.AGAIN, False, Decision.NOT_NEEDED, id="below the threshold nobody is asked"
        ),
        pytest.param(MUCH, 24, None, Asks.AGAIN, False, Decision.ASK, id="a person's run asks"),
        pytest.param(MUCH, 24, None, Asks.ONCE, False, Decision.ASK, id="a release's run asks"),
        pytest.param(MUCH, 24, None, Asks.NEVER, False, Decision.WAITS, id="a night never asks"),
        pytest.param(MUCH, None, None, Asks.NEVER, False, Decision.NOT_NEEDED, id="without a threshold all passes"),
        pytest.param(MUCH, 100, None, Asks.ONCE, False, Decision.NOT_NEEDED, id="exactly the threshold passes"),
        pytest.param(LITTLE, 0, None, Asks.ONCE, False, Decision.ASK, id="threshold 0 asks for everything"),
        pytest.param(NOTHING, 0, None, Asks.ONCE, False, Decision.NOT_NEEDED, id="nothing to infer is never asked for"),
        pytest.param(MUCH, 24, YES, Asks.NEVER, False, Decision.APPROVED, id="a night reads a yes"),
        pytest.param(MUCH, 24, NO, Asks.NEVER, False, Decision.REFUSED, id="a night reads a no"),
        pytest.param(MUCH, 24, NO, Asks.ONCE, False, Decision.REFUSED, id="a release does not ask again"),
        pytest.param(LITTLE, 24, NO, Asks.ONCE, False, Decision.REFUSED, id="a no holds for little work, too"),
        pytest.param(MUCH, 24, NO, Asks.AGAIN, False, Decision.ASK, id="a person's run asks again"),
        pytest.param(LITTLE, 24, NO, Asks.AGAIN, False, Decision.NOT_NEEDED, id="a person may try a refused version"),
        pytest.param(
            MUCH, 24, None, Asks.NEVER, True, Decision.NOT_NEEDED, id="new images never stop the series in use"
        ),
    ],
)
def test_whether_inference_starts(work, threshold, answer, asks, *, in_use, expected):
    assert decide(work, threshold, answer, asks, in_use=in_use) is expected


def test_work_says_where_its_rate_comes_from():
    assert MUCH.describe() == "360000 images, 100 CPU hours at 1 s per image (assumed)"


@pytest.mark.parametrize(
    ("cpu", "service", "cores"),
    [
        pytest.param("1", None, 1, id="a worker of one core"),
        pytest.param("4", None, 4, id="one of four threads"),
        pytest.param("250m", None, 1, id="less than a core is one"),
        pytest.param("1", "3500m", 4.5, id="a service beside it"),
    ],
)
def test_a_person_is_asked_about_all_cores_that_a_worker_takes(cpu, service, cores):
    said = {
        "kind": "oscar",
        "task": "classify",
        "names": ["fish"],
        "mapping": "scores",
        "command": ["run"],
        "script": "run",
    }
    worker = {"service": {**said, "cpu": service}} if service else {}
    pod = {"kind": "local", "pod": {"cpu": cpu}}
    dataset = Dataset.model_validate(dataset_settings("reef", "nowhere", name="reef", worker=worker, cluster=pod))
    assert cores_of(dataset) == cores
    assert Work(3600, Rate(1.0, "assumed"), cores).cpu_hours == cores


@pytest.mark.parametrize(
    ("run_key", "newer"),
    [
        pytest.param("20261101T095959Z-aaaaaaaa", True, id="answered while the run waited"),
        pytest.param("20261101T100001Z-aaaaaaaa", False, id="answered before the run"),
    ],
)
def test_an_answer_is_compared_with_the_plan(run_key, newer):
    assert is_newer(NO, run_key) is newer


@pytest.mark.parametrize(
    ("wanted", "available", "latest", "expected"),
    [
        pytest.param("latest", ["v1", "v9", "v10"], None, ["v10", "v9", "v1"], id="natural order"),
        pytest.param("latest", ["2024-06", "2025-02"], None, ["2025-02", "2024-06"], id="dates"),
        pytest.param(
            "latest", ["v1", "v2", "v3"], "v2", ["v2", "v1"], id="LATEST decides, and nothing above it counts"
        ),
        pytest.param("latest", ["v1", "v2"], "v3", ["v3", "v2", "v1"], id="LATEST before its file is there"),
        pytest.param("v1", ["v1", "v2"], "v2", ["v1"], id="a version that is named"),
    ],
)
def test_candidates_best_first(wanted, available, latest, expected):
    assert order_candidates(wanted, available, latest) == expected


@pytest.mark.parametrize(
    ("wanted", "available", "message"),
    [
        pytest.param(
            "v3", ["v10", "v9"], "Model version 'v3' not found, there are: v9, v10 - put", id="no such version"
        ),
        pytest.param("latest", [], "Model version 'latest' not found, there are: none - put", id="no version at all"),
    ],
)
def test_no_candidates(wanted, available, message):
    with pytest.raises(ConfigError, match=message):
        order_candidates(wanted, available, None)
