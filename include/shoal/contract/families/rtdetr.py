"""RT-DETR as ultralytics exports it; `rtdetr_original` is what its authors' own code writes."""

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.families.layouts import (
    CHOSEN,
    count_classes,
    is_named,
    may_detect,
    only_output,
    says_head,
    says_rtdetr,
    shapes,
)
from shoal.contract.model_card import CARD_FILE
from shoal.contract.model_info import EXPORT_HINT, Graph, ModelInfo, Resize, check_floats, read_model_info

_QUERIES = 300


class _RtDetr:
    """Stretched RGB in, one output in parts of the image: `(1, 300, 6)`, or `(1, 300, 4 + classes)` of earlier releases."""

    version = 1
    task = "detect"
    codec = "shoal_worker.families.rtdetr:RtDetrCodec"

    def understand(self, graph: Graph) -> ModelInfo:
        """Check metadata and shapes.

        Raises:
            NotOfFamilyError: Another task or layout, or nothing that tells its boxes from those of another family.
            ModelRefusedError: It is one without names or with numbers that are no floats, or of two classes and of either form.
        """
        output, classes = only_output(graph), count_classes(graph)
        named = is_named(graph) or says_rtdetr(graph)
        wide = classes is not None and classes != 2 and bool(output) and output[1:] == (_QUERIES, 4 + classes)
        fits = bool(output) and (not isinstance(output[2], int) or output[2] in {CHOSEN, 4 + (classes or 0)})
        if not may_detect(graph) or len(graph.inputs) != 1 or not ((named and fits) or wide):
            raise NotOfFamilyError(
                f"Model has outputs {shapes(graph)}, an RT-DETR has one (batch, {_QUERIES}, {CHOSEN} or 4 + classes) - "
                f"{EXPORT_HINT}"
            )
        if classes == 2 and not says_head(graph) and not is_named(graph):
            raise ModelRefusedError(
                "Model is an RT-DETR of two classes, and nothing says whether its last two columns are their scores or score "
                f"and class - {EXPORT_HINT}, or write family: rtdetr into {CARD_FILE} beside it where they are scores"
            )
        info = read_model_info(graph, Resize.STRETCH)
        check_floats(graph)
        return info


RTDETR = _RtDetr()
