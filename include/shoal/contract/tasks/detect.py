"""Boxes with a class and a confidence."""

from shoal.contract.tasks.task import Task

DETECT = Task(
    name="detect",
    columns=("detections", "max_det_reached"),
    settings=("iou", "max_det"),
    sql=("tasks/boxes", "tasks/detect/detections", "tasks/detect/below"),
)
