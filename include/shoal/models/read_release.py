"""A version of a model as it lies in the models bucket: fetched with all that belongs to it, and judged."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from shoal.contract.errors import ContractError, ModelRefusedError, TooLargeError
from shoal.contract.families.layouts import most_at_once
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.model_files import MOST_CARD_BYTES, missing
from shoal.models.inspect import name_outside
from shoal.models.release import ModelRelease, service_release
from shoal.models.trial import judge_model
from shoal.models.versions import WantedModel
from shoal.stores.object_store import ImageStore


def read_release(models: ImageStore, wanted: WantedModel, version: str) -> ModelRelease:
    """Read and inspect one version.

    Raises:
        ContractError: It has no file.
        ModelRefusedError: The file is not a model Shoal runs, lacks what belongs beside it, or all of them together are larger
            than `model.size_limit`.
    """
    if wanted.service is not None:
        return service_release(wanted.name, version, wanted.service)
    root = f"{wanted.root}{version}/"
    key = f"{root}{MODEL_FILE}"
    with TemporaryDirectory(prefix="shoal-model-") as folder:
        path = Path(folder) / MODEL_FILE
        try:
            _download(models, root, Path(folder), wanted.size_limit)
            judged = judge_model(path)
        except TooLargeError as err:
            raise ModelRefusedError(f"{err} - raise model.size_limit where it really is a model") from err
        except ModelRefusedError as err:
            raise ModelRefusedError(f"{models.uri(key)}: {err}") from err
    return ModelRelease(
        wanted.name,
        version,
        key,
        judged.sha256,
        judged.understood,
        judged.untried,
        judged.files,
        cited_by(judged.graph.card),
        judged.dropped,
        most_at_once(judged.graph),
        judged.scores_sum,
    )


def cited_by(card: Card | None) -> dict[str, str]:
    """Give what a card says for those who cite the model: licence and citation."""
    said = {} if card is None else {"licence": card.licence, "citation": card.citation}
    return {name: text for name, text in said.items() if text is not None}


def fetch_version(models: ImageStore, root: str, folder: Path, most: int) -> str:
    """Fetch a version into a folder, as it lies in the bucket; return the sha256 of its file.

    Args:
        models: The models bucket.
        root: Prefix of the version, ends with a slash.
        folder: Where it is put.
        most: Bytes that it may have, card and weights included.

    Raises:
        ConfigError: It has no file, is larger, or lacks weights that its file names.
    """
    try:
        _download(models, root, folder, most)
    except ContractError as err:
        raise ModelRefusedError(f"{models.uri(root)}: {err}") from err
    with (folder / MODEL_FILE).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(models: ImageStore, root: str, folder: Path, most: int) -> None:
    """Fetch a version: its file, its card, and the weights that the file names, all together no more than so many bytes.

    Raises:
        ContractError: It has no file.
        TooLargeError: It has more.
        ModelRefusedError: The file is none, or weights that it names are not there.
    """
    path = folder / MODEL_FILE
    models.download(f"{root}{MODEL_FILE}", path, most)
    left = most - path.stat().st_size
    try:
        card = models.find_bytes(f"{root}{CARD_FILE}", MOST_CARD_BYTES)
    except TooLargeError as err:
        raise ModelRefusedError(
            f"{CARD_FILE} has more than {MOST_CARD_BYTES} bytes - write no more than docs/models.md says"
        ) from err
    if card is not None:
        (folder / CARD_FILE).write_bytes(card)
    for name in name_outside(path):
        try:
            models.download(f"{root}{name}", folder / name, left)
        except TooLargeError as err:
            raise ModelRefusedError(
                f"Model has more than {most} bytes with its weights in {name!r} - raise model.size_limit where it really is "
                "a model"
            ) from err
        except ContractError as err:
            raise ModelRefusedError(missing(name)) from err
        left -= (folder / name).stat().st_size
