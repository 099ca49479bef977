"""Puts the parts of one attempt together: images, model, source, threads, loop."""

import hashlib
import os
import queue
import threading
from dataclasses import astuple
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import cv2

from shoal.contract.cgroup import read_cores
from shoal.contract.errors import ServiceError, shown
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.inference import Inference
from shoal.contract.job import ShardJob, ThenModel
from shoal.contract.layout import VariantLayout
from shoal.contract.model_file import MOST_GRAPH_BYTES
from shoal.contract.worker_command import WorkerCommand
from shoal.stores.image_folder import ImageFolder
from shoal.stores.images import ImageSource
from shoal.stores.kinds import open_from_env
from shoal.stores.object_store import ObjectStore
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.loop.batches import Batches
from shoal_worker.loop.ending import Ending, Limits
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.judge import NEVER_READY
from shoal_worker.loop.loop import ShardRun
from shoal_worker.loop.one_by_one import Naming, OneByOne
from shoal_worker.loop.outcome import Wake
from shoal_worker.loop.pipeline import Pipeline, count_fetchers
from shoal_worker.loop.progress import Progress
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.tally import Tally
from shoal_worker.planned import download_model_file, read_planned
from shoal_worker.rows.parts import ListedImage, PartWriter, Stamp
from shoal_worker.services.looking import ServiceDetector
from shoal_worker.session import check_sha256, open_model
from shoal_worker.sight import InferenceCancelledError, Sight
from shoal_worker.sources.mount import MountSource
from shoal_worker.sources.mount_doubt import MountDoubt
from shoal_worker.two_in_a_row import TwoInARow, inference_of


def run_shard(
    command: WorkerCommand, job: ShardJob, results: ObjectStore, images: list[ListedImage], stop: StopRequest
) -> Ending:
    """Examine the images of one shard.

    Args:
        command: What the command line says.
        job: What the plan says.
        results: Bucket the parts go to.
        images: What the manifest lists for it.
        stop: Tells when to end early.

    Raises:
        ConfigError, ContractError: A retry cannot help.
        StoreError: The store did not give the model.
        ServiceError: The service that is the model does not answer.
    """
    cv2.setNumThreads(1)
    detector = _open_sight(job, command.threads, results)
    stop.listen(detector.cancel)
    try:
        _await_ready(detector, stop)
        return _examine_shard(command, job, results, images, detector=detector, stop=stop)
    except InferenceCancelledError:  # before the first image
        return Ending(WorkerExit.STOPPED, f"Stopped by {stop.signal_name} - the images left are open")
    finally:
        detector.end()


def _await_ready(sight: Sight, stop: StopRequest) -> None:
    """Wait for what looks at the images, in another thread: a service may take minutes, and a signal does not wait.

    Raises:
        InferenceCancelledError: The worker was told to stop meanwhile.
        ServiceError, ConfigError: It does not answer, or is not what the plan says.
    """
    said: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def wait() -> None:
        try:
            sight.await_ready()
            said.put(None)
        except Exception as err:  # noqa: BLE001 - raised again below
            said.put(err)

    threading.Thread(target=wait, name="await ready", daemon=True).start()
    stop.listen(lambda: said.put(InferenceCancelledError("stopped before the first image")))
    try:
        error = said.get(timeout=sight.start_limit_s)
    except queue.Empty as err:
        raise ServiceError(
            f"The service did not begin to answer within {sight.start_limit_s:g} s - {NEVER_READY}"
        ) from err
    if error is not None:
        raise error


def _examine_shard(
    command: WorkerCommand,
    job: ShardJob,
    results: ObjectStore,
    images: list[ListedImage],
    *,
    detector: Sight,
    stop: StopRequest,
) -> Ending:
    stamp = Stamp(worker_version() + ("+cuda" if detector.on_gpu else ""), job.run_key, command.attempt)
    source, doubt = open_source(job, command.mount)
    layout = VariantLayout(job.variant_root)
    parts = PartWriter(results, lambda seq: layout.part(job.run_key, command.shard, command.attempt, seq))
    intake = Intake(images, job.budget_s)
    naming = None
    if command.careful:
        trying = layout.run(job.run_key).trying(command.shard, command.attempt)
        naming = Naming(results, trying, stamp.worker_version)
    pipeline = _open_pipeline(job, source, detector, stamp, intake=intake, naming=naming)

    def leave() -> None:
        intake.close()
        pipeline.outcomes.put(Wake())

    stop.listen(leave)
    limits = Limits(
        budget_s=job.budget_s,
        part_interval_s=job.part_interval_s,
        tolerated_failed_share=job.tolerated_failed_share,
        progress_interval_s=command.progress_interval_s,
    )
    tally = Tally(command.shard, len(images))
    progress = Progress(results, layout.run(job.run_key).shard_progress(command.shard, command.attempt))
    shard = ShardRun(pipeline, intake, parts, tally, limits, doubt=doubt, progress=progress)
    return shard.run(stop, lambda line: _say(line, stop))


def _open_pipeline(
    job: ShardJob, source: "WorkerSource", detector: Sight, stamp: Stamp, *, intake: Intake, naming: Naming | None
) -> Pipeline:
    """Put together what reads and examines: many images at once, or, where the last one is named, one after another."""
    inference = job.inference
    examiner = Examiner(
        source,
        detector,
        inference.pixel_limit,
        stamp,
        scan_limit=inference.scan_limit,
        witnesses=[ListedImage(*astuple(one)) for one in (job.read_before, *job.elsewhere) if one is not None],
    )
    batches = Batches(job.batch, detector.most_at_once)
    fetchers = count_fetchers(read_cores(), feeds_many=detector.on_gpu or batches.most > 1)
    if naming is None:
        return Pipeline(intake, examiner, batches, fetchers, source.most_reads)
    return OneByOne(
        intake,
        examiner,
        naming,
        detector.imgsz,
        job.part_interval_s,
        batches=batches,
        fetchers=fetchers,
        lost_reads=source.most_reads,
    )


def _say(line: str, stop: StopRequest) -> None:
    """Print a line; stop when whoever started us and read it has gone: another attempt may be on the way."""
    try:
        print(shown(line), flush=True)  # noqa: T201
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        stop.request("the end of its reader")


def _open_sight(job: ShardJob, threads: int, results: ObjectStore) -> Sight:
    """Open what looks at the images."""
    if job.service is None:
        return open_models(job, threads)
    layout = VariantLayout(job.variant_root)

    def store(key: str, name: str, data: bytes) -> str:
        stored = layout.file_of_image(key, hashlib.sha256(data).hexdigest(), name)
        results.write_bytes(stored, data)
        return stored

    return ServiceDetector(job.service, job.inference, store)


def open_models(job: ShardJob, threads: int) -> Sight:
    """Open the model of a plan, or both, each from a folder that holds its files and no other.

    Once it is opened the folder may go: what ONNX Runtime still reads of it is mapped.
    """
    models = open_from_env("models", job.models_bucket)
    own, then = ThenModel(job.model_key, job.model_sha256, job.model_files), job.inference.then
    first = _open_planned(models, own, threads, job.inference)
    if job.then_model is None or then is None:
        return first
    return TwoInARow(first, _open_planned(models, job.then_model, threads, inference_of(then)), then)


def _open_planned(models: ObjectStore, planned: ThenModel, threads: int, inference: Inference) -> Detector:
    data = read_planned(models, planned.key, MOST_GRAPH_BYTES)
    check_sha256(data, planned.sha256, planned.key)
    with TemporaryDirectory(prefix="shoal-model-") as name:
        folder = Path(name)
        for file in planned.files:
            download_model_file(models, planned.key, file, folder)
        return Detector(open_model(data, threads, inference, folder), inference)


class WorkerSource(ImageSource, Protocol):
    """A source that many threads of many workers read.

    Attributes:
        most_reads: How many reads at once one worker may ask of it, where that helps.
    """

    most_reads: int


def open_source(job: ShardJob, mount: Path | None) -> tuple[WorkerSource, MountDoubt | None]:
    """Open where images are read, and who judges it when nothing comes: a request to a store ends by itself."""

    def open_store() -> WorkerSource:
        store = open_from_env("source", job.source_bucket)
        if isinstance(store, ImageFolder):
            store.stand_on(job.ground)
        return store

    if mount is None:
        return open_store(), None
    source = MountSource(mount)
    return source, MountDoubt(source, open_store)


def worker_version() -> str:
    """Name the installed release; a bare checkout on PYTHONPATH has none."""
    try:
        return version("shoal")
    except PackageNotFoundError:
        return "0+unknown"
