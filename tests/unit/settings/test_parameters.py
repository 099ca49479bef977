"""Run parameters and dataset settings are user input: what could reach further is refused, the rest is only a value."""

import pytest

from hostile import FILE_NAMES
from shoal.contract.errors import ConfigError, EmptyBucketError
from shoal.history.find_run import parse_run
from shoal.settings.run_form import RunParams

REFUSED_VERSIONS = [
    "../v1",
    "v1/../../x",
    "/etc",
    "v1\n",
    "v 1",
    "-rf",
    ".hidden",
    "v1;id",
    "$(id)",
    "{{ 1 }}",
    "<b>",
    "ü",
    "x" * 64,
]


@pytest.mark.parametrize("version", REFUSED_VERSIONS)
def test_a_model_version_is_a_name_and_no_path(version):
    with pytest.raises(ConfigError, match="Run parameter model_version is "):
        RunParams.parse({"model_version": version})


@pytest.mark.parametrize(
    "said", [{"limit": 5}, {"model_version": "v2"}, {"plan_only": True}, {"retry_failed": ["empty"]}]
)
def test_what_would_list_or_infer_does_not_go_with_counting_again(said):
    assert RunParams.parse({"count_again": True, "conf": "0.5"}).conf == 0.5
    with pytest.raises(
        ConfigError,
        match=r"Run parameter count_again is True: \w+ would have images listed or inferred, .* - leave one out",
    ):
        RunParams.parse({"count_again": True, **said})


@pytest.mark.parametrize("attack", FILE_NAMES)
def test_a_hostile_prefix_is_a_prefix_of_keys_or_refused(few_images, attack):
    prefix = FILE_NAMES[attack]
    if any(ord(letter) < 32 for letter in prefix):
        with pytest.raises(ConfigError, match="Run parameter prefix is "):
            RunParams.parse({"prefix": prefix})
        return
    with pytest.raises(EmptyBucketError, match="has no images under prefix"):
        few_images.plan(prefix=prefix)
    few_images.put(f"{prefix}/x.jpg", few_images.stores.source.read_bytes(few_images.stores.source.list_keys("")[0]))
    plan = few_images.plan(prefix=prefix)
    assert (plan.listed, plan.scope.prefix) == (1, prefix)


@pytest.mark.parametrize(
    "run",
    [
        "../demo/20260601T020000Z-abcd1234", "demo/../../20260601T020000Z-abcd1234", "demo/20260601T020000Z-abcd1234; id",
        "s3://bucket/20260601T020000Z-abcd1234", "demo/20260601T020000Z-ABCD1234", "DEMO/20260601T020000Z-abcd1234\n",
    ],
)  # fmt: skip
def test_a_run_on_the_command_line_is_a_run_and_no_path(run):
    with pytest.raises(ConfigError, match="not understood"):
        parse_run(run)
