"""What a run's workers need, and nothing of another run's or dataset's."""

from dataclasses import replace

import pytest

from shoal.contract.inference import Inference
from shoal.contract.job import ShardJob, ThenModel
from shoal.contract.run_rights import rights_of_run

JOB = ShardJob(
    run_key="20260601T020000Z-abcd1234",
    source_bucket="images",
    models_bucket="models",
    model_key="fish/v1/model.onnx",
    model_sha256="0" * 64,
    results_bucket="results",
    variant_root="reef/fish-v1-000000000000/",
    inference=Inference((640, 640), rect=True),
    budget_s=60.0,
    tolerated_failed_share=0.1,
)
ROOT = f"{JOB.variant_root}runs/{JOB.run_key}/"


def test_a_run_reads_its_own_folder_and_writes_parts_progress_and_what_it_tries():
    results = rights_of_run(JOB, "", mounts=False)["results"]
    assert results.read == (ROOT,)
    assert results.write == (f"{JOB.variant_root}parts/{JOB.run_key}-", f"{ROOT}progress/", f"{ROOT}trying-")
    assert results.delete == (f"{ROOT}trying-",)
    assert results.names == results.folders == ()


def test_a_run_reads_the_folders_of_its_models():
    two = replace(JOB, then_model=ThenModel("kind/v2/model.onnx", "1" * 64, ()))
    assert rights_of_run(two, "", mounts=False)["models"].read == ("fish/v1/", "kind/v2/")


@pytest.mark.parametrize(
    ("prefix", "mounts", "folders"),
    [
        ("", True, ()),
        ("site/", True, ("",)),
        ("site/cam0", True, ("", "site/")),
        ("a/b/c/", True, ("", "a/", "a/b/")),
        ("a/b/c/", False, ()),
    ],
)
def test_a_mount_looks_into_the_folders_above_the_images(prefix, mounts, folders):
    source = rights_of_run(JOB, prefix, mounts=mounts)["source"]
    assert (source.read, source.names, source.folders) == ((prefix,), (prefix,), folders)
    assert source.write == source.delete == ()
