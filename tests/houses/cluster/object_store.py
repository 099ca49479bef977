"""MinIO on the bridge's address: an administrator, and a reader who may list and get and nothing else."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import urllib3
from minio import MinioAdmin
from minio.credentials import StaticProvider

from cluster.binaries import minio_program, versitygw_program
from cluster.processes import Processes, answers, free_port
from shoal.stores.s3_access import TRANSPORT_ERRORS, StoreAccess

START_S = 180
READ = ("s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject")
WRITE = (*READ, "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


def start_object_store(
    processes: Processes,
    data: Path,
    address: str,
    certificates: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> StoreAccess:
    """Start MinIO over a folder and wait until it answers.

    Args:
        processes: Where it runs.
        data: Its folder, which is made.
        address: Where it listens.
        certificates: Folder with public.crt, private.key and ca.crt, who signed it; None is without TLS.
        environment: More of MinIO's settings.

    Returns:
        The administrator's access.
    """
    scheme, authority = ("https", certificates / "ca.crt") if certificates else ("http", None)
    url = f"{scheme}://{address}:{free_port(address)}"
    access = StoreAccess(url, secrets.token_hex(8), secrets.token_hex(20), ca_file=str(authority or ""))
    data.mkdir()
    options = ["--certs-dir", str(certificates)] if certificates else []
    processes.start(
        "minio",
        [str(minio_program()), "server", str(data), "--address", access.host, *options],
        {
            "MINIO_ROOT_USER": access.access_key,
            "MINIO_ROOT_PASSWORD": access.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            **(environment or {}),
        },
    )
    processes.wait_until("minio", lambda: answers(f"{access.endpoint_url}/minio/health/ready", authority), START_S)
    processes.wait_until("minio", lambda: lists_buckets(access), START_S)  # on a busy machine it says so too early
    return access


def lists_buckets(access: StoreAccess) -> bool:
    """Whether a store does its work."""
    try:
        access.connect().list_buckets()
    except TRANSPORT_ERRORS:
        return False
    return True


def start_versitygw(processes: Processes, data: Path, address: str) -> StoreAccess:
    """Start versitygw over a folder, whose file system keeps extended attributes, and wait until it answers.

    Returns:
        The administrator's access.
    """
    access = StoreAccess(f"http://{address}:{free_port(address)}", secrets.token_hex(8), secrets.token_hex(20))
    data.mkdir()
    processes.start(
        "versitygw",
        [str(versitygw_program()), "--port", access.host, "--health", "/health", "posix", str(data)],
        {"ROOT_ACCESS_KEY": access.access_key, "ROOT_SECRET_KEY": access.secret_key},
    )
    processes.wait_until("versitygw", lambda: answers(f"{access.endpoint_url}/health"), START_S)
    return access


def add_reader(admin: StoreAccess, rights: tuple[str, ...] = READ) -> StoreAccess:
    """Make the user that source credentials should be: List and Get in every bucket."""
    return _add_user(admin, "list-and-get", rights, "*")


def add_writer(admin: StoreAccess, bucket: str) -> StoreAccess:
    """Make the user that results credentials should be: List, Get, Put and Delete in one bucket."""
    return _add_user(admin, f"write-{bucket}", WRITE, bucket)


def _add_user(admin: StoreAccess, policy: str, actions: tuple[str, ...], buckets: str) -> StoreAccess:
    user = replace(admin, access_key=secrets.token_hex(8), secret_key=secrets.token_hex(20))
    client = MinioAdmin(
        endpoint=admin.host,
        credentials=StaticProvider(admin.access_key, admin.secret_key),
        secure=admin.secure,
        http_client=urllib3.PoolManager(ca_certs=admin.authorities),
    )
    resources = [f"arn:aws:s3:::{buckets}{path}" for path in ("", "/*")]
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    client.user_add(user.access_key, user.secret_key)
    client.policy_add(policy, policy={"Version": "2012-10-17", "Statement": [statement]})
    client.policy_set(policy, user=user.access_key)
    return user
