"""`python -m cluster up|down|status`: what `make cluster` and `make cluster-down` call."""

import logging
import sys
import time

from cluster.images import built_images
from cluster.lifecycle import down, left_behind, not_running, up
from cluster.place import MAIN, NODE_IMAGES
from shoal.contract.errors import ShoalError


def main(command: str) -> None:
    """Run one command and say what came of it."""
    started = time.monotonic()
    if command == "up":
        state = up(MAIN, built_images(NODE_IMAGES))
        print(f"Cluster is up ({time.monotonic() - started:.0f} s): export KUBECONFIG={state.kubeconfig}")
        print(f"MinIO at {state.store.endpoint_url}, keys in {MAIN.folder}/state.json - end it: make cluster-down")
    elif command == "down":
        down(MAIN)
        print(f"Cluster is down ({time.monotonic() - started:.0f} s); logs stay in {MAIN.folder}")
    elif command == "status":
        print("\n".join(left_behind(MAIN)) or "nothing of it is on this machine")
        print("not running: " + ", ".join(not_running(MAIN)) if not_running(MAIN) else "running")
    else:
        sys.exit(f"Unknown command {command!r} - use: python -m cluster up|down|status")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except ShoalError as error:
        sys.exit(str(error))
