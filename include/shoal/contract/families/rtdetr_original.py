"""RT-DETR as its authors export it (Apache-2.0), and D-FINE and DEIM, which took the form over: two inputs, boxes in pixels."""

from dataclasses import replace

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.families.layouts import may_detect
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_info import Graph, ModelInfo, Resize, Tensor, check_floats, read_model_info

_OUTPUTS = ("labels", "boxes", "scores")


class _RtDetrOriginal:
    """Stretched RGB and the size that boxes are wanted in; labels, boxes and scores out, by name."""

    version = 1
    task = "detect"
    codec = "shoal_worker.families.rtdetr_original:RtDetrOriginalCodec"
    roles = _OUTPUTS

    def understand(self, graph: Graph) -> ModelInfo:
        """Check names of inputs and outputs.

        Raises:
            NotOfFamilyError: It has other inputs or outputs.
            ModelRefusedError: Nothing says its classes, or its numbers are no floats.
        """
        images, sizes = split_inputs(graph)
        by_name = {tensor.name: tensor for tensor in graph.outputs}
        wanted = output_names(graph)
        if (
            images is None
            or sizes is None
            or not may_detect(replace(graph, inputs=[images]))
            or not set(wanted) <= set(by_name)
        ):
            raise NotOfFamilyError(
                f"Model has inputs {_names(graph.inputs)} and outputs {_names(graph.outputs)}, an RT-DETR of its authors has "
                f"images and orig_target_sizes, and labels, boxes, scores - name them in {CARD_FILE} beside it"
            )
        if not graph.metadata.get("names"):
            raise ModelRefusedError(
                "Model is an RT-DETR as its authors export it, whose file has no class names - write them into "
                f"{CARD_FILE} beside it, in the order of training: names: [first, second]"
            )
        seen = replace(graph, inputs=[images], outputs=[by_name[name] for name in wanted[1:]])
        check_floats(seen)
        stride = {"stride": "1"} if "stride" not in graph.metadata else {}
        return read_model_info(replace(seen, metadata={**graph.metadata, **stride}), Resize.STRETCH)


RTDETR_ORIGINAL = _RtDetrOriginal()


def split_inputs(graph: Graph) -> tuple[Tensor | None, Tensor | None]:
    """Tell the image from the size; None where there is not one of each and nothing else."""
    images = [tensor for tensor in graph.inputs if len(tensor.shape) == 4]
    sizes = [tensor for tensor in graph.inputs if len(tensor.shape) == 2 and tensor.shape[1] == 2]
    if len(graph.inputs) != 2 or len(images) != 1 or len(sizes) != 1:
        return None, None
    return images[0], sizes[0]


def output_names(graph: Graph) -> tuple[str, str, str]:
    """Name the outputs with labels, boxes and scores; a card may call them otherwise."""
    said = (graph.card or Card()).outputs
    labels, boxes, scores = (said.get(name, name) for name in _OUTPUTS)
    return labels, boxes, scores


def _names(tensors: object) -> str:
    return ", ".join(tensor.name for tensor in tensors) if isinstance(tensors, list | tuple) else ""
