"""The `source` group of a dataset file: where the images are - a bucket, a folder, a store by rclone - and what of it is one."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from operator import not_
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from shoal.contract.units import parse_duration
from shoal.settings.field_types import (
    AbsoluteFolder,
    Bucket,
    Exported,
    IgnoreLine,
    KeyPrefix,
    ObjectName,
    RemotePath,
    Settings,
    Suffix,
)
from shoal.settings.ignore import Ignored, is_path
from shoal.stores.folder_access import SETTLE
from shoal.stores.kinds import DEFAULT_KIND

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".jp2",
)  # fmt: skip

NEEDED: Mapping[str, tuple[str, ...]] = {"s3": ("conn_id", "bucket"), "folder": ("path",), "rclone": ("conn_id",)}
"""What the kinds of source must say; what is for one is not for the others."""

MAY_SAY: Mapping[str, tuple[str, ...]] = {"folder": ("settle", "volume"), "rclone": ("remote_path",)}
"""What they may say besides."""


class Nfs(Settings):
    """An export of an NFS server."""

    server: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9._:\[\]-]+$")] = Field(
        description="Its name or address"
    )
    path: Exported = Field(description="What it exports")


class Volume(Settings):
    """The volume that holds the folder for pods, mounted read-only."""

    claim: ObjectName | None = Field(None, description="A PersistentVolumeClaim in the pods' namespace")
    nfs: Nfs | None = Field(None, description="An NFS export; Pod Security restricted takes claims alone")
    sub_path: KeyPrefix = Field("", description="Where in the volume source.path is; default: its root")

    @model_validator(mode="after")
    def _is_one(self) -> "Volume":
        if (self.claim is None) == (self.nfs is None):
            raise ValueError("needs one of claim and nfs - write claim: NAME, or nfs: {server: NAME, path: /export}")
        return self

    def describe(self) -> str:
        """Name it."""
        place = f"claim {self.claim}" if self.nfs is None else f"{self.nfs.server}:{self.nfs.path}"
        return f"{place.removesuffix('/')}/{self.sub_path}" if self.sub_path else place


def _read_settle(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    # Nothing at all is a choice here: in a folder that nobody writes to, no file is waited for.
    return timedelta() if str(value) in {"0", "0s"} else parse_duration(str(value))


class Source(Settings):
    """Where the images are. Shoal only lists and reads here."""

    # Left out of plan.json where they are as they always were, as before there were folders.
    kind: Literal["s3", "folder", "rclone"] = Field(
        "s3",
        exclude_if=lambda kind: kind == DEFAULT_KIND,
        description="s3: a bucket; folder: a directory of this machine, or a share that is mounted; rclone: any store that "
        "rclone reaches, such as WebDAV or SFTP",
    )
    conn_id: str = Field(
        "",
        exclude_if=lambda said: not said,
        description="Airflow connection of the store; its key needs List and Get only",
    )
    bucket: Bucket = Field("", exclude_if=lambda said: not said, description="Its name")
    path: AbsoluteFolder | None = Field(
        None, exclude_if=lambda path: path is None, description="kind folder: where it is for Airflow's tasks"
    )
    remote_path: RemotePath = Field(
        "",
        exclude_if=lambda said: not said,
        description="kind rclone: the folder in the store that connection names; default: its root",
    )
    settle: Annotated[
        timedelta,
        BeforeValidator(_read_settle),
        PlainSerializer(lambda value: f"{value.total_seconds():g}s"),
    ] = Field(
        SETTLE,
        ge=timedelta(),
        le=timedelta(days=7),
        exclude_if=lambda settle: settle == SETTLE,
        description="kind folder: a file that was written so short a time ago is left for the next run",
    )
    volume: Volume | None = Field(
        None, exclude_if=lambda volume: volume is None, description="kind folder: the same folder for pods"
    )
    events: bool = Field(
        False,
        exclude_if=not_,
        description="Start a run when images arrive: by the store's own notifications where it has them, else its newest "
        "folders are listed each minute",
    )
    prefix: KeyPrefix = Field("", description="Only keys that begin so")
    suffixes: tuple[Suffix, ...] = Field(IMAGE_SUFFIXES, min_length=1, description="Endings of image keys, any case")
    ignore: tuple[IgnoreLine, ...] = Field(
        (),
        description="Keys, or patterns of whole keys as in .gitignore, that are out of scope; an entry that equals a listed key "
        "is that key alone; !pattern lets in again",
    )

    @model_validator(mode="after")
    def _says_what_its_kind_has(self) -> "Source":
        needed = NEEDED[self.kind]
        for kind in sorted(NEEDED.keys() - {self.kind}):
            elsewhere = {*NEEDED[kind], *MAY_SAY.get(kind, ())} - {*needed, *MAY_SAY.get(self.kind, ())}
            if said := [name for name in sorted(elsewhere) if getattr(self, name) != Source.model_fields[name].default]:
                raise ValueError(f"{', '.join(said)}: not for kind {self.kind} - leave it out, or write kind: {kind}")
        if missing := [name for name in needed if not getattr(self, name)]:
            others = "; ".join(
                f"kind {kind} needs {' and '.join(NEEDED[kind])}" for kind in NEEDED if kind != self.kind
            )
            raise ValueError(f"kind {self.kind} needs {' and '.join(missing)} - add what is missing ({others})")
        if self.kind == "rclone" and ":" in self.conn_id:
            raise ValueError(
                f"conn_id {self.conn_id!r} holds a colon, which stands before the folder - rename the connection"
            )
        return self

    @property
    def place(self) -> str:
        """The bucket, or the folder; of rclone the connection and the folder in it, as rclone writes them."""
        return f"{self.conn_id}:{self.remote_path}" if self.kind == "rclone" else self.path or self.bucket

    @property
    def uri(self) -> str:
        """What stands before a key in its address."""
        if self.kind == "rclone":
            return f"rclone://{quote(self.conn_id, safe='')}/{quote(f'{self.remote_path}/'.lstrip('/'))}"
        return f"file://{quote(self.path)}/" if self.path else f"s3://{self.bucket}/"

    @property
    def what(self) -> str:
        """What it is in words."""
        return {"s3": "Bucket", "folder": "Folder", "rclone": "Store"}[self.kind]

    @property
    def where_set(self) -> str:
        """The fields that say where images are looked for."""
        place = {"s3": "bucket", "folder": "path", "rclone": "remote_path"}[self.kind]
        return f"source.{place} and source.prefix"

    @property
    def to_look_at(self) -> str:
        """What is to be looked at where nothing is listed."""
        mounted = "is the disk or share mounted? else " if self.path else ""
        return f"{mounted}check {self.where_set}"

    @cached_property
    def endings(self) -> tuple[str, ...]:
        """The suffixes as they are compared."""
        return tuple(suffix.lower() for suffix in self.suffixes)

    @cached_property
    def ignored(self) -> Ignored:
        """What is left out, to be asked by the million."""
        return Ignored(self.ignore)

    @cached_property
    def doubtful(self) -> tuple[str, ...]:
        """Entries of `ignore` that are a key or a pattern, which only the whole listing tells."""
        return tuple(entry for entry in self.ignore if self.ends_like_image(entry) and not is_path(entry))

    def is_image(self, key: str) -> bool:
        """Tell whether an object is an image of the dataset: by its ending, and unless it is ignored."""
        return self.ends_like_image(key) and self.ignored.line_of(key) is None

    def ends_like_image(self, key: str) -> bool:
        """Tell whether a key ends as those of images do, ignored or not."""
        return key.lower().endswith(self.endings)
