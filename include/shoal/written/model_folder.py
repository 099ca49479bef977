"""A model file with what lies beside it: its card and its weights, read the same by plan and worker."""

from pathlib import Path

from shoal.contract.carded import with_card
from shoal.contract.errors import ConfigError, ModelRefusedError, one_line
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_files import need_files
from shoal.contract.model_info import Graph
from shoal.contract.onnx_file import read_onnx
from shoal.contract.outside_weights import weights_elsewhere
from shoal.contract.protobuf import Data
from shoal.contract.read_card import read_card


def read_model(data: Data, folder: Path | None = None) -> Graph:
    """Read a model file, and the card and weights beside it, without running it.

    Args:
        data: The file.
        folder: Where it lies; None for a file by itself, which has no card.

    Raises:
        ModelRefusedError: It is no ONNX, its weights are not beside it, or the card is none or contradicts it.
        ConfigError: The card cannot be read here.
    """
    graph = read_onnx(data)
    if folder is None:
        if graph.outside:
            raise ModelRefusedError(weights_elsewhere(graph.outside))
        return graph
    need_files(graph.outside, folder)
    card = read_card_file(folder / CARD_FILE)
    return graph if card is None else with_card(graph, card)


def read_card_file(path: Path) -> Card | None:
    """Read a card; None where there is none.

    Raises:
        ModelRefusedError: It is no card.
        ConfigError: YAML cannot be read here.
    """
    if path.is_symlink():
        raise ModelRefusedError(f"{CARD_FILE} is a link - put the file itself beside the model")
    if not path.is_file():
        return None
    try:
        from yaml import YAMLError  # noqa: PLC0415 - a model without a card needs none

        from shoal.written.yaml_text import read_yaml  # noqa: PLC0415
    except ImportError as err:
        raise ConfigError(
            f"{path.name} lies beside the model, and there is no PyYAML to read it with - pip install 'shoal[worker]', or take "
            "the worker image of this release"
        ) from err
    try:
        with path.open("rb") as file:
            values = read_yaml(file)
    except ConfigError as err:
        raise ModelRefusedError(f"{CARD_FILE} is not read: {err}") from err
    except (ValueError, RecursionError, YAMLError, OSError) as err:
        raise ModelRefusedError(
            f"{CARD_FILE} is not read: {one_line(err, 200)} - write it as in docs/models.md"
        ) from err
    return read_card(values)
