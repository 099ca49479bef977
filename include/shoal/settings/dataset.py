"""A dataset file: the only place where a pipeline is configured; what its groups of settings may say."""

from datetime import timedelta
from math import ceil
from operator import not_
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, model_validator

from shoal.contract.image_limits import PIXEL_LIMIT, SCAN_LIMIT
from shoal.contract.layout import DatasetLayout
from shoal.contract.minted_names import RUN_KEY
from shoal.contract.model_file import MODEL_BYTES, MOST_MODEL_BYTES
from shoal.settings.alerts import Alerts
from shoal.settings.analysis import Clock, ClockEntry, Report, Taxon, Usable
from shoal.settings.deployments import Deployment, check_apart
from shoal.settings.execution import Cluster, Sidecar
from shoal.settings.field_types import (
    BY_HAND,
    Bucket,
    Duration,
    Folder,
    Memory,
    Name,
    Schedule,
    Score,
    Settings,
    Side,
)
from shoal.settings.publish import Publish, say_nothing
from shoal.settings.service import NOT_OF_SERVICES, Worker, check_place, check_version
from shoal.settings.source import Source
from shoal.settings.taxa import check_taxa
from shoal.settings.then import ThenModel

EXPORTS_OF_WHEELS = "shoal.exports"
"""Group of the entry points by which another wheel brings an export."""

EXPORTS_BY_MONTH = ("coco", "long", "megadetector")
"""Our own exports that a dataset file may ask for: each month of an answer stands alone."""

DATASET_NAME = "[a-z0-9][a-z0-9_-]{0,62}"


class Results(Settings):
    """Where everything Shoal writes goes."""

    conn_id: str = Field(description="Airflow connection of the store; its key needs List, Get, Put and Delete")
    bucket: Bucket
    prefix: Folder = ""


class Models(Settings):
    """Where model files are: `<prefix><name>/<version>/model.onnx`."""

    conn_id: str = Field(description="Airflow connection of the store; its key needs List and Get only")
    bucket: Bucket
    prefix: Folder = ""


MOST_TILES = 10_000
"""Of one image: at a tenth of a second each, a quarter of an hour."""


class Tile(Settings):
    """Pieces of an image that the model looks at one by one."""

    size: tuple[Side, Side] = Field(description="(height, width) of a tile in px of the image")
    overlap: float = Field(0.2, ge=0, le=0.8, description="Share of a tile that the next one shows again")

    @model_validator(mode="before")
    @classmethod
    def _square(cls, data: Any) -> Any:
        """Let `size: 640` mean 640 x 640."""
        return _square(data, "size")

    def most(self, pixels: int) -> int:
        """Count the tiles of an image of so many pixels; the last ones of row and column aside."""
        height, width = (side - int(self.overlap * side) for side in self.size)
        return ceil(pixels / (height * width))


class Model(Settings):
    """Which model looks at the images, and how."""

    name: Name
    version: Name = Field(
        "latest", description="A version, or latest: the highest in natural order, or what LATEST names"
    )
    watch: bool | None = Field(
        None, description="Start a run when a version is released; default: only where run.schedule is set"
    )
    imgsz: tuple[Side, Side] | None = Field(
        None, description="Letterbox (height, width) in px; default: the model's own"
    )
    iou: float = Field(0.7, gt=0, lt=1, description="NMS drops a box that overlaps a better one of its class by more")
    max_det: int = Field(300, ge=1, le=1000, description="Most boxes per image")
    pixel_limit: int = Field(
        PIXEL_LIMIT,
        ge=1_000_000,
        le=1_000_000_000,
        description="Images with more pixels are `too_large`; each costs a worker 3 bytes and more",
    )
    scan_limit: int = Field(SCAN_LIMIT, ge=10, le=10_000, description="JPEGs of more scans are `too_complex`")
    # Left out of plan.json where nobody wrote it: no number follows from it.
    size_limit: int = Field(
        MODEL_BYTES,
        ge=1024**2,
        le=MOST_MODEL_BYTES,
        exclude_if=lambda size_bytes: size_bytes == MODEL_BYTES,
        description="A model of more bytes, its card and weights included, is not read",
    )

    # Left out of plan.json where nobody wrote it, as before there were tiles.
    tile: Tile | None = Field(
        None,
        exclude_if=lambda tile: tile is None,
        description="Look at overlapping tiles of an image, and at the whole: for what is small in large photos",
    )

    # Likewise, as before there were two in a row.
    then: ThenModel | None = Field(
        None,
        exclude_if=lambda then: then is None,
        description="A second model, a classifier, looks at the crop of each box: counts go by its classes",
    )

    @model_validator(mode="before")
    @classmethod
    def _square(cls, data: Any) -> Any:
        """Let `imgsz: 640` mean 640 x 640."""
        return _square(data, "imgsz")

    @model_validator(mode="after")
    def _few_tiles(self) -> "Model":
        """Refuse tiles that make an image cost as much as a bucket: each of them is an inference."""
        if self.tile is not None and (tiles := self.tile.most(self.pixel_limit)) > MOST_TILES:
            raise ValueError(
                f"an image of pixel_limit {self.pixel_limit:,} px would be cut into {tiles:,} tiles of "
                f"{self.tile.size[0]}x{self.tile.size[1]} px, up to {MOST_TILES:,} are looked at - raise tile.size, or lower "
                "tile.overlap or pixel_limit"
            )
        return self


def _square(data: Any, name: str) -> Any:
    """Let one side mean both."""
    if isinstance(data, dict) and isinstance(data.get(name), int):
        return {**data, name: (data[name], data[name])}
    return data


class Run(Settings):
    """When runs start and what bounds them."""

    schedule: Schedule | None = Field(None, description="Cron expression (UTC) of the nightly run; none: by hand only")
    budget: Duration = Field(timedelta(hours=4), description="Time box of one run; what is left is for the next")
    tolerated_failed_share: float = Field(0.5, ge=0, le=1, description="More failed images than this stop a shard")
    approval_cpu_hours: float | None = Field(
        24.0, ge=0, description="A model version whose remaining work is more than this is asked for; none: never asked"
    )
    approval_timeout: Duration = Field(timedelta(days=1), description="No answer for so long means no")
    deadline: Duration | None = Field(
        None, description="Somebody is told of a run that has not ended this long after it was queued"
    )
    expect_new_within: Duration | None = Field(
        None, description="Somebody is told when the newest image of the dataset, or of a camera, is older than this"
    )
    # Left out of plan.json where nobody sets them, and no part of any answer: its bytes are the same for all of them.
    memory: Memory | None = Field(
        None,
        exclude_if=not_,
        description="What DuckDB may hold in a plan or summary before it spills, such as 2GiB; default: a quarter of what "
        "the process may use, from 256 MiB to 448 MiB, or to 1 GiB in a summary of 4,000,000 images and more; 128 MiB for each "
        "of run.threads, up to half of the machine",
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=256,
        strict=True,
        exclude_if=not_,
        description="Its threads; default: the CPUs the process may use, as far as each has 128 MiB of that memory",
    )
    pool: Name | None = Field(None, description="Airflow pool in which shards wait for a slot; default: default_pool")


class Retention(Settings):
    """How long `gc` keeps what only recomputing an old run needs; rows, plans and summaries are kept for good."""

    keep: Duration = Field(
        timedelta(days=90),
        ge=timedelta(days=2),
        description="Age from which a run's listing, manifest and files may go",
    )
    runs: tuple[Annotated[str, Field(pattern=f"^{RUN_KEY}$")], ...] = Field(
        (), description="Runs that keep everything, because somebody cites them"
    )


class Dataset(Settings):
    """One bucket of images, one model, one series of answers."""

    name: Annotated[str, Field(pattern=rf"^{DATASET_NAME}$")]
    description: str = ""
    source: Source
    results: Results
    models: Models
    model: Model
    clock: Clock = Clock(others=(ClockEntry(exif=True),))
    conf: Score = Field(0.25, description="Confidence from which a detection counts")
    taxa: dict[str, Taxon] = Field(default_factory=dict, description="By class name of the model")
    usable: Usable = Usable()
    deployments: tuple[Deployment, ...] = ()
    report: Report = Report()
    # Left out of plan.json where nobody asks for one: the many plans stay as they are.
    exports: tuple[Name, ...] = Field(
        (), exclude_if=not_, description="coco, long, megadetector by month, and exports of other wheels"
    )
    publish: Publish = Field(
        Publish(), exclude_if=say_nothing, description="What packages for others say of themselves"
    )
    cluster: Cluster = Cluster()
    worker: Worker = Worker()
    sidecar: Sidecar = Sidecar()
    run: Run = Run()
    retention: Retention = Retention()
    alerts: Alerts = Alerts()

    @property
    def mounts(self) -> bool:
        """Whether a sidecar mounts the images for the workers: a volume needs none, and rclone serves single files."""
        return self.cluster.mounts and self.source.volume is None and self.source.kind != "rclone"

    @model_validator(mode="after")
    def _results_apart_from_source(self) -> "Dataset":
        same_store = (self.source.conn_id, self.source.bucket) == (self.results.conn_id, self.results.bucket)
        layout = DatasetLayout(self.results.prefix, self.name)
        if same_store and layout.lies_among(self.source.prefix):
            raise ValueError(
                f"results in {layout.root!r} lie under the source prefix {self.source.prefix!r} of bucket "
                f"{self.source.bucket!r} - Shoal never writes among the images, choose another bucket or prefix"
            )
        return self

    @model_validator(mode="after")
    def _a_deadline_reaches_somebody(self) -> "Dataset":
        if self.run.deadline is not None and not self.alerts.reach_somebody:
            raise ValueError("run.deadline has nobody to tell - set alerts.email or alerts.notifiers")
        return self

    @model_validator(mode="after")
    def _pods_have_images(self) -> "Dataset":
        if self.cluster.has_pods:
            if self.worker.image is None:
                raise ValueError("cluster.kind kubernetes needs worker.image - `make images` builds it")
            if self.source.path and self.source.volume is None:
                raise ValueError(
                    "source.kind folder with cluster.kind kubernetes needs source.volume, where pods find the folder - write "
                    "volume: {claim: NAME}"
                )
            if self.source.kind == "rclone" and self.sidecar.image is None:
                raise ValueError("source.kind rclone needs sidecar.image, which has rclone - `make images` builds it")
            if self.mounts and self.sidecar.image is None:
                raise ValueError(
                    "cluster.pod.transfer mount needs sidecar.image - `make images` builds it, or set transfer: direct"
                )
        return self

    @model_validator(mode="after")
    def _a_service_is_the_model(self, info: ValidationInfo) -> "Dataset":
        service = self.worker.service
        if service is None:
            return self
        check_version(self.model.version)
        check_place(service, self.cluster)
        # Stored settings have what nobody wrote.
        written = {*self.model.model_fields_set} if info.context == BY_HAND else set()
        if self.model.watch:
            raise ValueError(
                "model.watch: worker.service is the model, and nobody releases a file of it - leave it out"
            )
        if said := [f"model.{name}" for name in NOT_OF_SERVICES if name in written]:
            raise ValueError(
                f"{', '.join(said)}: worker.service is the model, and no model file is read - leave it out"
            )
        return self

    @model_validator(mode="after")
    def _deployments_do_not_overlap(self) -> "Dataset":
        check_apart(self.deployments)
        return self

    @model_validator(mode="after")
    def _taxa_agree(self, info: ValidationInfo) -> "Dataset":
        check_taxa(self.taxa, by_hand=info.context == BY_HAND)
        return self
