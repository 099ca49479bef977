"""A score for each class: what the image as a whole shows."""

from shoal.contract.tasks.task import Task

CLASSIFY = Task(
    name="classify",
    columns=("class_scores",),
    settings=(),
    sql=("tasks/classify/detections", "tasks/classify/below"),
)
