"""`why` after a real run through Airflow one of whose workers was killed: the note its task left is the cause."""

import json

import psutil


def kill_a_worker(process):
    """Kill the first worker that shows up; return how many lines were printed before."""
    for line in process.stdout:
        if line.startswith("plan ") and "s per image" in line:
            break
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        for child in parent.children(recursive=True):
            try:
                if "shoal_worker" in " ".join(child.cmdline()):
                    child.kill()
                    return
            except psutil.NoSuchProcess:
                continue
    raise AssertionError("no worker was seen")


def test_a_killed_worker_is_told_by_the_bucket_alone(fresh_installation):
    installation = fresh_installation
    process = installation.start("demo")
    kill_a_worker(process)
    output = process.stdout.read()
    process.wait(240)
    for log in installation.home.rglob("*.log"):
        log.unlink()  # Airflow's logs are gone
    [note] = [
        json.loads(path.read_text())
        for path in installation.home.glob("store/demo-results/demo/*/runs/*/attempts/*.json")
    ]
    assert (note["try_number"], note["retried"], note["pod"]) == (1, True, None), output
    assert "was killed by SIGKILL" in note["error"]
    why = installation.run("why", "demo", "--json")
    found = json.loads(why.stdout)
    assert any("1 failed attempts, last: Worker of shard" in line for line in found["shards"]), found
    assert why.returncode == (0 if found["state"] == "complete" else 1)
    if found["state"] != "complete":
        assert "was killed by SIGKILL" in found["cause"]
