"""The cluster's bridge: pods on one side, API server, kubelet and MinIO on its address.

There is no route from it to anywhere else and no iptables rule: pods reach what listens on the bridge, nothing more.
"""

import json
import subprocess
from pathlib import Path

from cluster.binaries import CNI_PLUGINS, debian_program
from cluster.place import Place
from shoal.contract.errors import ConfigError

MAC = "02:5e:a1:00:00:01"
"""Fixed: a bridge would otherwise take its lowest port's, and change it under the pods' ARP caches."""


def create_bridge(place: Place) -> None:
    """Make the bridge and give it the subnet's first address.

    Raises:
        ConfigError: There is a bridge of that name, or its subnet is in use.
    """
    routes = subprocess.run([_ip(), "route", "show", "exact", place.subnet], capture_output=True, text=True, check=True)
    if bridge_exists(place) or routes.stdout.strip():
        raise ConfigError(
            f"Bridge {place.name} or its subnet {place.subnet} is in use on this machine, maybe by another checkout's "
            f"cluster ({routes.stdout.strip() or 'no route'}) - make cluster-down there"
        )
    prefix_length = place.subnet.partition("/")[2]
    _run("link", "add", place.name, "address", MAC, "type", "bridge")
    _run("address", "add", f"{place.address}/{prefix_length}", "dev", place.name)
    _run("link", "set", place.name, "up")


def remove_bridge(place: Place) -> None:
    """Remove the bridge and what is attached to it; nothing happens when there is none."""
    if not bridge_exists(place):
        return
    for port in Path(f"/sys/class/net/{place.name}/brif").iterdir():
        # Pods' ends go with their namespaces, which the kernel takes apart a little later.
        subprocess.run([_ip(), "link", "delete", port.name], capture_output=True, check=False)
    _run("link", "delete", place.name)


def bridge_exists(place: Place) -> bool:
    """Whether a network interface has the cluster's name."""
    return Path(f"/sys/class/net/{place.name}").exists()


def write_cni(place: Place, folder: Path) -> None:
    """Write the CNI configuration; the addresses in use are kept under the node's own /var/lib."""
    if not (CNI_PLUGINS / "bridge").exists():
        raise ConfigError(
            f"No CNI plugins in {CNI_PLUGINS} (Debian package containernetworking-plugins) - make cluster-packages"
        )
    bridge = {
        "type": "bridge",
        "bridge": place.name,
        # The bridge has its address already; as a gateway the plugin would switch on the host's IP forwarding.
        "isGateway": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": place.subnet, "gateway": place.address, "rangeEnd": place.last_pod_address}]],
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    content = {"cniVersion": "1.0.0", "name": place.name, "plugins": [bridge]}
    (folder / "10-shoal.conflist").write_text(json.dumps(content, indent=1))


def _ip() -> str:
    return str(debian_program("ip"))


def _run(*arguments: str) -> None:
    subprocess.run([_ip(), *arguments], check=True)
