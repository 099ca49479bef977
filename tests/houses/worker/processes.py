"""The worker as the process it is in a pod, and the objects a run needs."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

import shoal_worker
from shoal.contract.inference import Inference
from shoal.contract.job import ShardJob
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.contract.rows import MANIFEST_COLUMNS, ddl
from shoal.contract.stored_names import parse_part
from shoal.contract.worker_command import WorkerCommand

RUN_KEY = "20260101T000000Z-testtest"
ATTEMPT = "attempt1"
VARIANT = VariantLayout("fish/model-1-0123456789ab/")


def worker_env(**extra: str) -> dict[str, str]:
    """The environment of a process that can import the worker, whatever folder it starts in."""
    return {**os.environ, "PYTHONPATH": str(Path(shoal_worker.__file__).parents[1]), **extra}


def md5(data: bytes) -> str:
    """What a store makes the ETag of an object uploaded in one part."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@dataclass
class Workplace:
    """A bucket with images, a model, a plan and a manifest; the tests change it before they run the worker."""

    store: Any
    bucket: str
    model: bytes
    images: dict[str, bytes] = field(default_factory=dict)
    job: dict[str, Any] = field(default_factory=dict)
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.store.root / self.bucket

    @property
    def run(self):
        return VARIANT.run(RUN_KEY)

    def lay_out(self) -> None:
        """Write everything the worker reads."""
        for key, data in self.images.items():
            self.store.put(self.bucket, key, data)
        self.store.put(self.bucket, "models/model.onnx", self.model)
        self.store.put(self.bucket, self.run.plan, json.dumps(self.plan()).encode())
        self.write_manifest(self.folder / self.run.manifest)

    def plan(self) -> dict[str, Any]:
        job = ShardJob(
            run_key=RUN_KEY,
            source_bucket=self.bucket,
            models_bucket=self.bucket,
            model_key="models/model.onnx",
            model_sha256=hashlib.sha256(self.model).hexdigest(),
            results_bucket=self.bucket,
            variant_root=VARIANT.root,
            inference=Inference(imgsz=(640, 640), rect=True),
            budget_s=3600,
        )
        shards = [{"shard": 0, "images": len(self.images)}]
        return {"format_version": FORMAT_VERSION, "shards": shards, "job": {**job.to_json(), **self.job}}

    def write_manifest(self, path: Path) -> None:
        with duckdb.connect() as con:
            con.execute(f"CREATE TABLE manifest ({ddl(MANIFEST_COLUMNS)})")
            for key, data in self.images.items():
                listed = {"object_version": md5(data), "size_bytes": len(data)} | self.listed.get(key, {})
                con.execute(
                    "INSERT INTO manifest VALUES (?, ?, ?, now(), NULL, 0)",
                    [key, listed["object_version"], listed["size_bytes"]],
                )
            con.execute(f"COPY manifest TO '{path}' (FORMAT parquet)")

    def command(self, *options: str) -> list[str]:
        command = WorkerCommand(self.bucket, self.run.plan, 0, ATTEMPT)
        return [sys.executable, "-m", "shoal_worker", *command.to_words(), *options]

    def env(self, **extra: str) -> dict[str, str]:
        access = self.store.access
        roles = access.to_env("source") | access.to_env("models") | access.to_env("results")
        return worker_env(**{**roles, **extra})

    def work(self, *options: str, **extra_env: str) -> subprocess.CompletedProcess[str]:
        """Run the worker to its end."""
        return subprocess.run(
            self.command(*options), env=self.env(**extra_env), capture_output=True, text=True, timeout=300, check=False
        )

    def parts(self) -> list[Path]:
        parts = sorted((self.folder / VARIANT.parts).glob("*.parquet"))
        assert all(parse_part(part.name) is not None for part in parts)
        return parts

    def rows(self) -> dict[str, dict[str, Any]]:
        """All rows of all parts by key; each key at most once."""
        if not self.parts():
            return {}
        with duckdb.connect() as con:
            found = con.execute("FROM read_parquet(?)", [[str(part) for part in self.parts()]])
            columns = [column[0] for column in found.description]
            rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
        by_key = {row["key"]: row for row in rows}
        assert len(by_key) == len(rows)
        return by_key

    def statuses(self) -> dict[str, str]:
        return {key: row["status"] for key, row in self.rows().items()}
