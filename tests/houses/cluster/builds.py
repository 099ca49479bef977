"""Build all that tests need and that takes minutes: `python -m cluster.builds programs`, then `… images`.

It needs Python and nothing that Python has to install, so that CI begins with it.
"""

import logging
import os
import sys

from cluster.binaries import CHECKOUT, GO_BUILDS, go_program
from cluster.images import SERVICES, built_images, stand_in
from shoal.contract.errors import ShoalError

POSTGRES = CHECKOUT / "tests/houses/compose/postgres"


def main(what: str) -> None:
    """Build programs or images; what is in the cache already is named."""
    if what == "programs":
        for build in GO_BUILDS:
            go_program(build, build.name)
    elif what == "images":
        built_images()
        stand_in(POSTGRES)
        stand_in(SERVICES / "reef-module")  # the other one is for wide tests
    else:
        sys.exit(f"Unknown builds {what!r} - use: python -m cluster.builds programs|images")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    os.umask(0o022)
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except ShoalError as error:
        sys.exit(str(error))
