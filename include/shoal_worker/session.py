"""A model file opened with ONNX Runtime, on a GPU where the build is for one and one answers, else on the CPU.

One thread by default: several one-thread pods on a node do 1.6 x the work of one pod with all its cores.
"""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from shoal.contract.errors import first_line
from shoal.contract.families import Understood, understand, understand_planned
from shoal.contract.inference import Inference
from shoal.contract.model_files import check_hash
from shoal.contract.model_info import Graph, ModelInfo
from shoal.written.model_folder import read_model
from shoal_worker.onnx_words import explain_unopened

log = logging.getLogger(__name__)

FATAL_ONLY = 4
"""Of what ONNX Runtime logs: the rest is in what it raises."""

_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_CUDA_OPTIONS = {"use_tf32": "0"}
"""By default matrices are multiplied with 10 bits of each number's 23."""


@dataclass(frozen=True)
class OpenedModel:
    """A model that is ready to run.

    Attributes:
        session: The ONNX Runtime session.
        graph: What the file says of itself.
        understood: What its family makes of that.
    """

    session: ort.InferenceSession
    graph: Graph
    understood: Understood

    @property
    def info(self) -> ModelInfo:
        """The part of it that inference depends on."""
        return self.understood.info

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU runs it: a build for GPUs falls back to the CPU where none answers."""
        return bool(self.session.get_providers()[0] == _CUDA)


def check_sha256(data: bytes, expected: str, key: str) -> None:
    """Check that a model file is the one the plan was made for.

    Raises:
        ConfigError: It was replaced since.
    """
    check_hash(hashlib.sha256(data).hexdigest(), expected, key)


def open_model(
    data: bytes, threads: int = 1, planned: Inference | None = None, folder: Path | None = None
) -> OpenedModel:
    """Open a model file and find its family.

    Args:
        data: The whole file.
        threads: Threads of one inference; ONNX Runtime would count the host's cores, not the pod's.
        planned: Settings of a plan, whose family it must be of; None takes any.
        folder: Where its card and its weights lie; None for a file by itself.

    Raises:
        ModelRefusedError: It is of no family that Shoal runs.
        ConfigError: The plan's family is not installed here.
        MemoryError: There is no room for it.
        GpuFailedError: A GPU is offered, and fails.
    """
    graph = read_model(data, folder)  # before ONNX Runtime does: it opens whatever other file a graph names
    options = ort.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ONNX")  # its own format would not be judged
    if folder is not None and graph.outside:
        # The bytes that were judged are opened, not the path: between the two a file may be replaced.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    if threads > 1:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(data, options, providers=_providers())
    except Exception as err:  # ONNX Runtime's errors share no base class but this one
        raise explain_unopened(data, first_line(err), on_gpu=_offers_gpu()) from err
    opened = OpenedModel(session, graph, understand_planned(graph, planned.family) if planned else understand(graph))
    if _offers_gpu() and not opened.on_gpu:
        log.warning(
            "No GPU answers, the model runs on the CPU - the pod has to ask for one (cluster.pod.gpu), its node needs a driver "
            "for the CUDA of this image"
        )
    return opened


def _offers_gpu() -> bool:
    """Whether this build of ONNX Runtime is one for GPUs."""
    return _CUDA in ort.get_available_providers()


def _providers() -> list[str | tuple[str, dict[str, str]]]:
    """A GPU where this build of ONNX Runtime has one to offer, and the CPU."""
    if not _offers_gpu():
        return [_CPU]
    ort.preload_dlls(directory="")  # CUDA's libraries lie in packages beside ONNX Runtime, where no loader looks
    return [(_CUDA, _CUDA_OPTIONS), _CPU]
