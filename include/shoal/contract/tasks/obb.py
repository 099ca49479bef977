"""Boxes with a class, a confidence and an angle."""

from shoal.contract.tasks.task import Task

OBB = Task(
    name="obb",
    columns=("detections", "keypoints", "angles", "max_det_reached"),
    settings=("iou", "max_det"),
    sql=("turned", "tasks/boxes", "tasks/obb/detections", "tasks/detect/below"),
)
