"""Boxes with a class, a confidence and key points."""

from shoal.contract.tasks.task import Task

POSE = Task(
    name="pose",
    columns=("detections", "keypoints", "max_det_reached"),
    settings=("iou", "max_det"),
    sql=("tasks/boxes", "tasks/detect/detections", "tasks/detect/below"),
)
