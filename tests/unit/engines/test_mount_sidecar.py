"""What the sidecar says last where its bucket cannot be mounted."""

import os
import subprocess

import pytest

from shoal.engines.kubernetes import mount_sidecar as sidecar
from shoal.settings.execution import Sidecar
from shoal.stores.kinds import load_kind

REFUSED = "Failed to cat: https response error StatusCode: 403, api error SignatureDoesNotMatch"

RCLONES = {
    "a store that refuses the key": (f'echo "{REFUSED}" >&2; exit 1', REFUSED),
    "a store that says nothing": ("exec sleep 9", "no answer from http://store.test within 1 s"),
    "a store that refuses the key, and a node too busy to ask again": (
        f'[ ! -e asked ] || exec sleep 9; echo "{REFUSED}" >&2; touch asked; exit 1',
        REFUSED,
    ),
    "a node too busy at first": (
        f'[ -e asked ] || {{ touch asked; exec sleep 9; }}; echo "{REFUSED}" >&2; exit 1',
        REFUSED,
    ),
}


@pytest.mark.parametrize("store", RCLONES)
def test_the_last_word_is_what_the_store_said_last(store, tmp_path, monkeypatch):
    rclone, told = RCLONES[store]
    monkeypatch.setattr(sidecar, "ANSWER_S", 1)
    # Whole seconds of the clock: of two of them, a first request that takes one may have been the last.
    monkeypatch.setattr(sidecar, "STORE_ANSWERS_S", 4)
    (tmp_path / "rclone").write_text(f"#!/bin/sh\n{rclone}\n")
    (tmp_path / "rclone").chmod(0o755)
    remote = load_kind("s3").rclone_remote("source", "reef")
    script = sidecar.mount_sidecar(Sidecar(image="sidecar:1"), "run", remote, "fish.jpg")["command"][2]
    for place in ("/tmp/saying", "/tmp/said", "/dev/termination-log", sidecar.MOUNT_ROOT):  # noqa: S108 - the pod's own
        script = script.replace(place, f"{tmp_path}/{place.rpartition('/')[2]}")
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", remote.address_variable: "http://store.test"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (1, told)
    assert (tmp_path / "termination-log").read_text().strip() == told
