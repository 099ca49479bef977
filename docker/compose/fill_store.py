"""Prepares the store of the compose installation: buckets, the two users that Airflow's connections name, demo content."""

import json
import os
from pathlib import Path

from minio import MinioAdmin
from minio.credentials import StaticProvider

from shoal.contract.model_file import MODEL_FILE
from shoal.embedded.fill import DEMO_MODEL
from shoal.embedded.samples.bad_files import bad_files
from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model
from shoal.embedded.samples.scenes import demo_scenes
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess

IMAGES, MODELS, RESULTS = "demo-images", "demo-models", "demo-results"
FILLED = "filled"
"""An object that is written when all others are there."""
READ = ["s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject"]
WRITE = [*READ, "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]


def main() -> None:
    """Make what is missing; what a person changed stays."""
    known = json.loads(Path("/secrets/secrets.json").read_text())
    root = StoreAccess(os.environ["SHOAL_STORE_URL"], known["minio_root_key"], known["minio_root_secret"])
    client = root.connect()
    for bucket in (IMAGES, MODELS, RESULTS):
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
    _add_user(root, "shoal-read", (known["reader_key"], known["reader_secret"]), READ, (IMAGES, MODELS))
    _add_user(root, "shoal-write", (known["writer_key"], known["writer_secret"]), WRITE, (RESULTS,))
    if not any(client.list_objects(MODELS, FILLED)):
        _fill(S3Store(root, MODELS), S3Store(root, IMAGES))


def _fill(models: S3Store, images: S3Store) -> None:
    for version, species in VERSIONS.items():
        models.write_bytes(f"{DEMO_MODEL}/{version}/{MODEL_FILE}", build_demo_model(species, version))
    for scene in demo_scenes():
        images.write_bytes(scene.key, scene.jpeg, "image/jpeg")
    for bad in bad_files():
        images.write_bytes(bad.key, bad.data, "image/jpeg")
    models.write_bytes(FILLED, b"")


def _add_user(
    root: StoreAccess, policy: str, user: tuple[str, str], actions: list[str], buckets: tuple[str, ...]
) -> None:
    resources = [f"arn:aws:s3:::{bucket}{path}" for bucket in buckets for path in ("", "/*")]
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    credentials = StaticProvider(root.access_key, root.secret_key)
    admin = MinioAdmin(endpoint=root.host, credentials=credentials, secure=root.secure)
    admin.policy_add(policy, policy={"Version": "2012-10-17", "Statement": [statement]})
    admin.user_add(*user)
    admin.policy_set(policy, user=user[0])


if __name__ == "__main__":
    main()
