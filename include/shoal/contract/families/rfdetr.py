"""RF-DETR, such as the Community Fish Detector: its files have no words, so a card says the classes."""

from dataclasses import replace

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.families.layouts import may_detect, shapes
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_info import Dim, Graph, ModelInfo, Resize, Tensor, check_floats, read_model_info

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, which its backbone was trained on."""


class _RfDetr:
    """Stretched RGB in, normalised; `dets` (parts of the image) and `labels` (raw scores of each column) out, by name."""

    version = 1
    task = "detect"
    codec = "shoal_worker.families.rfdetr:RfDetrCodec"
    roles = ("boxes", "scores")

    def understand(self, graph: Graph) -> ModelInfo:
        """Check names and shapes.

        Raises:
            NotOfFamilyError: It has other outputs.
            ModelRefusedError: Nothing says its classes or which column is none, it has masks, or its numbers are no floats.
        """
        boxes, scores = output_names(graph)
        by_name = {tensor.name: tensor for tensor in graph.outputs}
        if not may_detect(graph) or len(graph.inputs) != 1 or not _fit(by_name.get(boxes), by_name.get(scores)):
            raise NotOfFamilyError(
                f"Model has outputs {', '.join(by_name)} ({shapes(graph)}), an RF-DETR has dets and labels, of (batch, queries, "
                f"4) and (batch, queries, columns) - name them in {CARD_FILE} beside it: outputs: {{boxes: …, scores: …}}"
            )
        card = graph.card or Card()
        if len(by_name) > 2 and not {"boxes", "scores"} <= set(card.outputs):
            raise ModelRefusedError(
                f"Model is an RF-DETR with more than boxes (outputs {', '.join(by_name)}), of which Shoal takes the boxes - "
                f"where they are enough, write into {CARD_FILE} beside it: outputs: {{boxes: {boxes}, scores: {scores}}}"
            )
        if not graph.metadata.get("names"):
            raise ModelRefusedError(
                f"Model is an RF-DETR, whose file has no class names - write them into {CARD_FILE} beside it, in the order of "
                "training, and the column that stands for none: names: [first, second] and background: -1"
            )
        seen = replace(graph, outputs=[by_name[boxes], by_name[scores]])
        check_floats(seen)
        info = read_model_info(replace(seen, metadata={**graph.metadata, "stride": "1"}), Resize.STRETCH)
        if info.channels == 1 and info.mean is None:
            raise ModelRefusedError(
                "Model is an RF-DETR that takes one channel, and nothing says what its pixels were normalised with - write "
                f"that into {CARD_FILE} beside it, three times each, such as mean: [0.45, 0.45, 0.45] and std: [0.23, 0.23, 0.23]"
            )
        columns = by_name[scores].shape[2]
        background = find_background(card.background, columns, len(info.names))
        return replace(info, mean=info.mean or _MEAN, std=info.std or _STD, background=background)


RFDETR = _RfDetr()


def output_names(graph: Graph) -> tuple[str, str]:
    """Name the outputs with boxes and scores; a card may call them otherwise."""
    said = (graph.card or Card()).outputs
    return said.get("boxes", "dets"), said.get("scores", "labels")


def _fit(boxes: Tensor | None, scores: Tensor | None) -> bool:
    """Whether they are there, a line for each query: mmdeploy calls its outputs so too, with the score beside the sides."""
    if boxes is None or scores is None or len(boxes.shape) != 3 or len(scores.shape) != 3:
        return False
    return boxes.shape[2] == 4 or not isinstance(boxes.shape[2], int)


def find_background(said: int | None, columns: Dim, names: int) -> int | None:
    """Find the column that stands for no class.

    Args:
        said: What the card says.
        columns: How many the graph has; where it leaves that open, a run shows it and this is asked again.
        names: How many classes are named.

    Returns:
        It, None where there is none; as the card says it where the columns are open.

    Raises:
        ModelRefusedError: The card says one that is none, or says nothing where the count of names leaves it open.
    """
    if not isinstance(columns, int):
        return said
    if said is not None and not -columns <= said < columns:
        raise ModelRefusedError(
            f"Model has {columns} columns of scores, {CARD_FILE} calls number {said} the background - "
            f"write 0 to {columns - 1}, or -1 for the last one"
        )
    if columns == names + (said is not None):
        return None if said is None else said % columns
    if said is None and columns == names + 1:
        raise ModelRefusedError(
            f"Model has {columns} columns of scores for {names} names, and nothing says which stands for none - write into "
            f"{CARD_FILE} beside it: background: -1 (the last one, as training on your own classes makes it), or name all"
        )
    raise ModelRefusedError(
        f"Model has {columns} columns of scores{'' if said is None else ', one of them background'}, and {names} names - "
        f"name {columns - (said is not None)} classes in {CARD_FILE} beside it"
    )
