"""The bucket sidecar: rclone mounts the image bucket for the worker, which then reads plain files."""

from collections.abc import Mapping

from shoal.contract.errors import ConfigError
from shoal.engines.kubernetes.overlay import Manifest
from shoal.settings.execution import Container, Sidecar
from shoal.stores.access import RcloneRemote

SIDECAR = "bucket"
CA_FOLDER = "/etc/shoal/ca"

MOUNT_ROOT = "/bucket"
IMAGES = f"{MOUNT_ROOT}/images"
"""Below the volume's root: a dead mount on the root itself would keep the sidecar from ever starting again."""

STORE_ANSWERS_S = 20
"""A store that has not answered one request by then is a failed mount: the task says so within a minute of the start."""

ANSWER_S = 10
"""One request to a store that takes it and says nothing."""

MOUNT_PROBES = 20
"""One a second: so often a mount may say at once that it shows nothing."""

SLOW_PROBE_S = 300
"""One look may wait so long: rclone lists a key's whole directory first, tens of thousands of keys of a slow store."""

HANGS_S, HANGS_TWICE = 20, 2
"""A mount that does not tell its own state within so long, twice, hangs: it needs no store for that. The kubelet then starts it
anew, and the worker's reads end with an error and are tried again, before the worker gives the mount up by itself."""

HUNG_GRACE_S = 5
"""What hangs does not listen."""

_PROBE = (
    f"until grep -q ' {IMAGES} fuse.rclone ' /proc/mounts; do sleep 0.5; done; "
    f'{{ head -c 1 "{IMAGES}/$SHOAL_PROBE_KEY" >/dev/null || [ -n "$(ls -A {IMAGES} | head -n 1)" ]; }}'
)
"""Waits for the mount, whose sidecar ends where the store does not answer. Then reads a real key, since a missing bucket
looks like an empty folder; that key may be gone, then the folder has others."""


def mount_sidecar(sidecar: Sidecar, secret_name: str, remote: RcloneRemote | None, probe_key: str) -> Manifest:
    """Make the container that mounts the bucket: rclone, read-only, nothing cached, started before the worker.

    Args:
        sidecar: Image and requests.
        secret_name: Secret with the source's credentials.
        remote: The bucket, as rclone reaches it; None where it cannot.
        probe_key: A key that the bucket should hold.

    Raises:
        ConfigError: The image is not set, or rclone cannot reach the bucket.
    """
    if remote is None:
        raise ConfigError("cluster.pod.transfer mount: this kind of store cannot be mounted - set transfer: direct")
    from_secret = {**remote.environment, remote.ca_variable: remote.ca_variable}
    environment: list[Manifest] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret_name, "key": key}}}
        for name, key in from_secret.items()
    ]
    environment.append({"name": "SHOAL_PROBE_KEY", "value": probe_key})
    requests = {"cpu": sidecar.cpu, "memory": sidecar.memory}
    return {
        "name": SIDECAR,
        "image": image_of(sidecar, "sidecar"),
        "imagePullPolicy": sidecar.pull_policy,
        "restartPolicy": "Always",
        "command": ["sh", "-c", _mount_script(remote)],
        "env": environment,
        "resources": {"requests": requests, "limits": requests},
        # A mount that another container sees can only be made by a privileged one.
        "securityContext": {"privileged": True, "runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False},
        "startupProbe": {
            "exec": {"command": ["sh", "-c", _PROBE]},
            "periodSeconds": 1,
            "timeoutSeconds": SLOW_PROBE_S,
            "failureThreshold": MOUNT_PROBES,
        },
        "livenessProbe": {
            "exec": {"command": ["stat", "-f", IMAGES]},
            "periodSeconds": HANGS_S,
            "timeoutSeconds": HANGS_S,
            "failureThreshold": HANGS_TWICE,
            "terminationGracePeriodSeconds": HUNG_GRACE_S,
        },
        "lifecycle": {"preStop": {"exec": {"command": ["fusermount3", "-uz", IMAGES]}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": SIDECAR, "mountPath": MOUNT_ROOT, "mountPropagation": "Bidirectional"},
            {"name": "ca", "mountPath": CA_FOLDER, "readOnly": True},
        ],
    }


def _mount_script(remote: RcloneRemote) -> str:
    # A sidecar that starts again finds the dead mount of the one before it.
    options = {
        "--read-only": "",
        "--allow-other": "",
        "--umask": "0222",
        "--no-modtime": "",
        "--no-checksum": "",
        "--no-unicode-normalization": "",
        "--vfs-cache-mode": "off",
        "--dir-cache-time": "9999h",
        "--poll-interval": "0",
        "--attr-timeout": "1h",
        "--buffer-size": "0",
        "--vfs-read-chunk-size": "32M",
        "--low-level-retries": "10",
        "--timeout": "60s",
    }
    # A mount that nobody serves keeps its pod from going for ever, and rclone leaves one where it is stopped while it mounts (the
    # preStop hook comes too early then): so the shell stays, and takes it away once rclone has ended.
    return (
        f"fusermount3 -uz {IMAGES} 2>/dev/null; mkdir -p {IMAGES}; {remote.login} {_ask_store(remote)} "
        'mount= stopped=; trap \'stopped=1; [ -z "$mount" ] || kill -TERM "$mount"\' TERM; '
        f'rclone mount "{remote.path}" {IMAGES} {_store_options(remote)} {_words(options)} & mount=$!; '
        '[ -z "$stopped" ] || kill -TERM "$mount"; '
        'wait "$mount"; code=$?; while kill -0 "$mount" 2>/dev/null; do wait "$mount"; code=$?; done; '
        f'fusermount3 -uz {IMAGES} 2>/dev/null; exit "$code"'
    )


def _ask_store(remote: RcloneRemote) -> str:
    """Ask what lies below one key until the store answers: one request, where a mount lists a directory before it can fail.

    That there is nothing is the answer of a store that works. Any other one is the container's last word, also where a later
    request got none: a busy node gives rclone too little time as easily as a store does, and what the store said helps more.
    """
    options = _words({"--no-traverse": "", "--count": "1", "--retries": "1", "--low-level-retries": "1"})
    ask = f'timeout {ANSWER_S} rclone cat "{remote.path}/$SHOAL_PROBE_KEY" {_store_options(remote)} {options}'
    silence = f"no answer from ${remote.address_variable} within {ANSWER_S} s"
    # A shell hears of SIGTERM while it waits, and not while a program runs before it. The log of a container that ends at
    # once may come too late for the kubelet, which takes the file first.
    return (
        f"trap 'exit 143' TERM; until=$(($(date +%s) + {STORE_ANSWERS_S})); "
        f"while {ask} >/dev/null 2>/tmp/saying & ! wait $!; do "
        "[ ! -s /tmp/saying ] || mv /tmp/saying /tmp/said; "
        f'[ "$(date +%s)" -lt "$until" ] || {{ {{ [ -s /tmp/said ] && tail -n 1 /tmp/said || echo "{silence}"; }} | '
        "tee /dev/termination-log; exit 1; }; "
        "sleep 1; done;"
    )


def _words(options: Mapping[str, str]) -> str:
    return " ".join(f"{option} {value}".rstrip() for option, value in options.items())


def _store_options(remote: RcloneRemote) -> str:
    options = {"--config": "/dev/null", **remote.options, "--contimeout": "5s"}
    return _words(options) + f' ${{{remote.ca_variable}:+--ca-cert "${remote.ca_variable}"}}'


def image_of(container: Container, role: str) -> str:
    """Read a container's image.

    Raises:
        ConfigError: It is not set.
    """
    if container.image is None:
        raise ConfigError(f"{role}.image is not set - `make images` builds it, name it in the dataset file")
    return container.image
