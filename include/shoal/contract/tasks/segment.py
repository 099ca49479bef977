"""Boxes with a class, a confidence and the mask of what is in them."""

from shoal.contract.tasks.task import Task

SEGMENT = Task(
    name="segment",
    columns=("detections", "masks", "max_det_reached"),
    settings=("iou", "max_det"),
    sql=("tasks/boxes", "tasks/detect/detections", "tasks/detect/below"),
)
