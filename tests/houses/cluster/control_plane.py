"""etcd, kube-apiserver and kube-scheduler as processes, everything they write in one folder.

    with start_control_plane(tmp_path, mode="scheduler") as cluster:
        client = cluster.connect()                         # kubernetes.client.ApiClient, cluster admin
        kubernetes.client.CoreV1Api(client).create_node(…)   # a Node object is enough: it stays Ready
        # kubectl --kubeconfig cluster.kubeconfig …

`mode="scheduler"`: for scheduler truth alone: no kubelet and no controller manager, Node objects keep the taints and
the status they are given, pods need no service account, `ResourceQuota.status` is what the test writes.
`mode="cluster"`: with kube-controller-manager and every default admission plugin, for a node with a kubelet.
Built programs come from `cluster.binaries`; logs are `<folder>/<program>.log`.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from kubernetes import client, config

from cluster.binaries import debian_program, kubernetes_program
from cluster.certificates import Authority
from cluster.processes import Processes, answers, free_port

Mode = Literal["scheduler", "cluster"]

START_S = 120
SERVICES = "10.204.0.0/16"
SERVICE_HOSTS = ("10.204.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
LOOPBACK = "127.0.0.1"
USERS = {
    # user: group. Tokens instead of client certificates: one mechanism for people and programs.
    "admin": "system:masters",
    "system:kube-scheduler": "",
    "system:kube-controller-manager": "",
    "system:node:shoal-node": "system:nodes",
}


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane.

    Attributes:
        folder: Certificates, kubeconfigs, logs, etcd's data.
        url: Where the API server listens.
        processes: Its programs, to stop, kill and restart by name.
    """

    folder: Path
    url: str
    processes: Processes = field(repr=False)

    @property
    def kubeconfig(self) -> Path:
        """The cluster admin's kubeconfig."""
        return self.kubeconfig_of("admin")

    def kubeconfig_of(self, user: str) -> Path:
        """The kubeconfig of one of USERS."""
        return self.folder / f"{user.replace(':', '-')}.kubeconfig"

    def connect(self) -> client.ApiClient:
        """Open a client with all rights."""
        return config.new_client_from_config(str(self.kubeconfig))

    def stop(self) -> None:
        """End every process: those that call the API server first."""
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            self.processes.stop(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_control_plane(folder: Path, *, mode: Mode, address: str = LOOPBACK) -> ControlPlane:
    """Start a control plane and wait until it answers (3 to 8 s).

    Args:
        folder: Where everything is written; new or empty.
        mode: See the module.
        address: Address the API server listens on.

    Raises:
        ConfigError: A program is missing and cannot be built here.
        ShoalError: A program did not start; names its log.
    """
    processes = Processes(folder)
    plane = ControlPlane(folder, f"https://{address}:{free_port(address)}", processes)
    authority = Authority(folder / "pki")
    authority.issue("server", user="kube-apiserver", hosts=(LOOPBACK, address, "localhost", *SERVICE_HOSTS))
    authority.issue("kubelet-client", user="kube-apiserver-kubelet-client", group="system:masters")
    authority.write_key("service-account")
    _write_users(plane, authority)
    try:
        _start_api(plane, address, mode)
        _start_caller(plane, "kube-scheduler", _SCHEDULER_FLAGS)
        if mode == "cluster":
            _start_caller(plane, "kube-controller-manager", _controller_manager_flags(authority.folder))
    except BaseException:
        plane.stop()
        raise
    return plane


def _write_users(plane: ControlPlane, authority: Authority) -> None:
    """Write one kubeconfig per user, and the token file the API server knows them by."""
    tokens = {user: secrets.token_hex(20) for user in USERS}
    lines = [f'{tokens[user]},{user},{user},"{group}"' for user, group in USERS.items()]
    _write_private(plane.folder / "tokens.csv", "\n".join(lines) + "\n")
    for user, token in tokens.items():
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "test", "cluster": {"server": plane.url, "certificate-authority": str(authority.certificate)}}
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        }
        _write_private(plane.kubeconfig_of(user), json.dumps(content, indent=1))


def _start_api(plane: ControlPlane, address: str, mode: Mode) -> None:
    client_port, peer_port = free_port(), free_port()
    etcd_url = f"http://{LOOPBACK}:{client_port}"
    peer_url = f"http://{LOOPBACK}:{peer_port}"
    plane.processes.start(
        "etcd",
        [
            str(debian_program("etcd")),
            f"--data-dir={plane.folder / 'etcd'}",
            f"--listen-client-urls={etcd_url}",
            f"--advertise-client-urls={etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            # A test's cluster outlives no crash of the machine, and a busy disk takes seconds: longer than requests are waited for.
            "--unsafe-no-fsync",
        ],
    )
    plane.processes.wait_until("etcd", lambda: answers(f"{etcd_url}/health"), START_S)
    command = [str(kubernetes_program("kube-apiserver")), *_api_flags(plane, etcd_url, address)]
    if mode == "scheduler":
        # Nobody would create service accounts, and nobody would take the not-ready taint away.
        command.append("--disable-admission-plugins=ServiceAccount,TaintNodesByCondition")
    plane.processes.start("kube-apiserver", command)
    ca_file = plane.folder / "pki/ca.crt"
    plane.processes.wait_until("kube-apiserver", lambda: answers(f"{plane.url}/readyz", ca_file), START_S)


def _api_flags(plane: ControlPlane, etcd_url: str, address: str) -> list[str]:
    pki = plane.folder / "pki"
    return [
        f"--etcd-servers={etcd_url}",
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--secure-port={plane.url.rpartition(':')[2]}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--token-auth-file={plane.folder / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-account.pub'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        # One API server: nothing to reconcile, and a loopback address is no endpoint for pods.
        "--endpoint-reconciler-type=none",
    ]


_SCHEDULER_FLAGS = ("--kube-api-qps=1000", "--kube-api-burst=1000")


def _controller_manager_flags(pki: Path) -> tuple[str, ...]:
    return (
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'service-account.key'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        "--use-service-account-credentials",
        # Nodes here die on purpose: their loss is seen in seconds, not in 50.
        "--node-monitor-grace-period=20s",
        "--node-monitor-period=2s",
    )


def _start_caller(plane: ControlPlane, program: str, flags: Sequence[str]) -> None:
    """Start a program that works through the API server, serving its health on loopback."""
    kubeconfig = plane.kubeconfig_of(f"system:{program}")
    pki = plane.folder / "pki"
    port = free_port()
    command = [
        str(kubernetes_program(program)),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={port}",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        "--leader-elect=false",
        *flags,
    ]
    plane.processes.start(program, command)
    url = f"https://{LOOPBACK}:{port}/healthz"
    plane.processes.wait_until(program, lambda: answers(url, pki / "ca.crt"), START_S)


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
