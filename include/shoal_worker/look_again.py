"""`again`: images of a plan that are looked at once more, for who doubts their rows; nothing is stored in a bucket."""

import json
import os
from pathlib import Path

from shoal.contract.errors import ConfigError, ContractError
from shoal.contract.job import ShardJob
from shoal.contract.json_bounds import read_object
from shoal.contract.look_again import MANIFEST, PLAN, ROWS
from shoal.stores.images import ImageDenied


def look_again(folder: Path) -> None:
    """Write what this worker sees in images now, as rows.

    Args:
        folder: Where plan and manifest lie, see `contract.look_again`; the rows are put there, too.

    Raises:
        ConfigError, ContractError: The folder holds no such files, or model or credentials are wrong.
        StoreError: A store does not answer.
    """
    try:
        job = ShardJob.from_plan(read_object((folder / PLAN).read_bytes()))
    except OSError as err:
        raise ConfigError(
            f"{err.filename} cannot be read: {err.strerror} - python -m shoal verify --recheck writes it"
        ) from err
    if job.service is not None:
        raise ContractError("The model is a service, which looks at images beside a worker and nowhere else")
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(job.inference.pixel_limit)
    from shoal_worker.assemble import open_models, open_source, worker_version  # noqa: PLC0415
    from shoal_worker.examine import Examiner  # noqa: PLC0415
    from shoal_worker.rows.parts import ListedImage, Row, Stamp, write_parquet  # noqa: PLC0415

    detector, (source, _) = open_models(job, threads=1), open_source(job, None)
    stamp = Stamp(worker_version(), job.run_key, "again")
    examiner = Examiner(
        source, detector, job.inference.pixel_limit, stamp, scan_limit=job.inference.scan_limit
    )  # fmt: skip
    rows = []
    for listed in json.loads((folder / MANIFEST).read_text(encoding="utf-8")):
        image = ListedImage(**listed)
        try:
            ready = examiner.prepare(image)
        except ImageDenied as err:
            ready = examiner.denied(image, err)
        rows.append(ready if isinstance(ready, Row) else examiner.finish(ready))
    write_parquet(rows, folder / ROWS)
