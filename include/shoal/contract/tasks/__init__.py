"""What a model can be for: each task says what of a row it fills, and there is one table of them."""

from shoal.contract.tasks.detect import DETECT

TASKS = {task.name: task for task in (DETECT,)}
