"""The one node of the cluster: containerd and kubelet in a mount namespace of their own (`node.sh`)."""

import json
import shutil
import subprocess
from pathlib import Path

from cluster import cgroups
from cluster.binaries import CNI_PLUGINS, debian_program, kubernetes_program
from cluster.control_plane import ControlPlane
from cluster.network import write_cni
from cluster.pause_image import PAUSE_IMAGE
from cluster.place import NODE, Place
from cluster.processes import Processes, free_port

SCRIPT = Path(__file__).parent / "node.sh"
START_S = 180


def make_node(place: Place, plane: ControlPlane) -> None:
    """Make the node's namespace and start containerd in it."""
    for name in ("lib", "log", "etc"):
        (place.folder / name).mkdir(exist_ok=True)
    cgroups.create(place.name)
    processes = plane.processes
    unshare = shutil.which("unshare") or "unshare"
    processes.start("node", [unshare, "--mount", "/bin/sh", str(SCRIPT), str(place.folder)])
    holder = processes.find("node")
    made = Path(f"/proc/{holder.pid if holder else 0}/root/run/node-is-made")
    processes.wait_until("node", made.exists, START_S)

    write_cni(place, place.folder / "etc/cni")
    config = place.folder / "etc/containerd.toml"
    config.write_text(_containerd_config(place))
    in_cgroup = [*in_node(plane.processes), *cgroups.enter_command(place.name)]
    processes.start("containerd", [*in_cgroup, str(debian_program("containerd")), "--config", str(config)])
    socket = made.parent / "containerd/containerd.sock"
    processes.wait_until("containerd", socket.exists, START_S)


def start_kubelet(place: Place, plane: ControlPlane) -> None:
    """Start kubelet; the node's status in the API tells when it is ready."""
    config = place.folder / "etc/kubelet.yaml"
    config.write_text(json.dumps(_kubelet_config(place), indent=1))
    plane.processes.start(
        "kubelet",
        [
            *in_node(plane.processes),
            *cgroups.enter_command(place.name),
            str(kubernetes_program("kubelet")),
            f"--config={config}",
            f"--kubeconfig={plane.kubeconfig_of(f'system:node:{NODE}')}",
            f"--hostname-override={NODE}",
            f"--node-ip={place.address}",
        ],
    )


def crash_node(place: Place) -> None:
    """Pull the node's plug: kubelet, containerd and every container end at once and tell nobody."""
    cgroups.kill_all(place.name)


def boot_node(processes: Processes) -> None:
    """Switch a crashed node on again; as after a real crash, the mounts its containers had made are gone."""
    unmount = ["umount", "--all", "--lazy", "--types", "fuse.rclone"]
    # One mount shows in several places, and with the first all are gone: umount complains.
    subprocess.run([*in_node(processes), *unmount], capture_output=True, check=False)
    processes.restart("containerd")
    asked = [*in_node(processes), str(debian_program("ctr")), "version"]
    processes.wait_until("containerd", lambda: _succeeds(asked), START_S)
    processes.restart("kubelet")


def trust_registry(place: Place, host: str) -> None:
    """Let the node pull from a registry without TLS."""
    folder = place.folder / "etc/registries" / host
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.toml").write_text(f'[host."http://{host}"]\n  capabilities = ["pull", "resolve"]\n')


def in_node(processes: Processes) -> list[str]:
    """Prefix that runs a command in the node's mount namespace."""
    holder = processes.find("node")
    return [shutil.which("nsenter") or "nsenter", "--mount", "--target", str(holder.pid if holder else 0), "--"]


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _containerd_config(place: Place) -> str:
    return f"""\
version = 2
disabled_plugins = ["io.containerd.internal.v1.opt"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # A machine without CAP_SYS_RESOURCE may not lower a score, and would start no pod.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{place.folder}/etc/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{place.folder}/etc/registries"
"""


def _kubelet_config(place: Place) -> dict[str, object]:
    pki = place.folder / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "address": place.address,
        "port": free_port(place.address),
        "healthzPort": 0,
        "authentication": {
            "x509": {"clientCAFile": str(pki / "ca.crt")},
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": str(pki / "server.crt"),
        "tlsPrivateKeyFile": str(pki / "server.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        # Nobody answers: pods know addresses only, and without a server every pod gets a warning.
        "clusterDNS": [place.address],
        "resolvConf": "",
        # Images cannot be pulled again, and a full disk is the developer's business.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "nodeStatusUpdateFrequency": "4s",
        # A sign of life every 3 s in place of 10: of the 20 s without one that make a node lost, a busy machine may take half.
        "nodeLeaseDurationSeconds": 12,
    }
