"""Where one test cluster lives on this machine: its folder, bridge, addresses and cgroup, all named after it."""

import ipaddress
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from cluster.binaries import CHECKOUT

NODE = "shoal-node"
NODE_IMAGES = ("worker", "sidecar")
"""The images its pods run, of `images.NAMES`."""


@dataclass(frozen=True)
class Place:
    """One cluster's place.

    Attributes:
        name: Names the bridge and the cgroup; at most 15 characters.
        subnet: The pods' addresses; the bridge has the first one.
        folder: Everything the cluster writes.
    """

    name: str
    subnet: str
    folder: Path

    @property
    def address(self) -> str:
        """The bridge's address: pods and containers reach API server, kubelet and MinIO there."""
        return str(next(ipaddress.ip_network(self.subnet).hosts()))

    @property
    def engine_address(self) -> str:
        """The subnet's last address: that of the compose tests' Docker Engine; no pod gets it."""
        return str(ipaddress.ip_network(self.subnet)[-2])

    @property
    def last_pod_address(self) -> str:
        """The one before."""
        return str(ipaddress.ip_network(self.subnet)[-3])


_NUMBER = int(os.environ.get("SHOAL_TEST_CLUSTER", "0"))
_MARK = zlib.crc32(str(CHECKOUT).encode()) + _NUMBER

MAIN = Place(f"shoal{_MARK % 10000:04d}", f"10.203.{_MARK % 256}.0/24", CHECKOUT / f".shoal/cluster/run{_NUMBER or ''}")
"""The one cluster of `make cluster`; another checkout on this machine has another one.

`SHOAL_TEST_CLUSTER=1` has a second one in this checkout, for tests that break theirs while others use the first.
"""
