"""What a model can be for: each task says what of a row it fills, and there is one table of them."""

from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.tasks.detect import DETECT
from shoal.contract.tasks.obb import OBB
from shoal.contract.tasks.pose import POSE
from shoal.contract.tasks.segment import SEGMENT

TASKS = {task.name: task for task in (DETECT, SEGMENT, POSE, OBB, CLASSIFY)}
