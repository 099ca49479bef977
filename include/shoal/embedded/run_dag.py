"""Run one DAG once, in this process, with Airflow's own task code: `python -m shoal.embedded.run_dag DAG_ID`.

Standard output carries what Shoal's tasks say, one line each; everything else goes to standard error.
"""

import logging
import os
import sys

STAGES = {"plan_shards": "plan", "shard_process": "infer", "summarize": "summarize", "errors": "failed"}


class TaskLines(logging.Handler):
    """Pass on what Shoal's operators log, and why a task failed, as `stage<TAB>text`."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(logging.INFO)
        self._lines = os.fdopen(descriptor, "w", buffering=1)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self.say(STAGES.get(record.name.rsplit(".", 1)[-1], ""), record.getMessage())

    def say(self, stage: str, text: str) -> None:
        """Write one line of a stage."""
        self._lines.write(f"{stage}\t{' '.join(text.split())}\n")


def main(dag_id: str) -> int:
    """Run the DAG; return 0 when its run succeeded."""
    handler = TaskLines(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - standard output is moved aside first

    logging.getLogger("shoal.operators").addHandler(handler)
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    dag = bag.dags.get(dag_id)
    if dag is None:
        broken = bag.dags.get(dag_id.replace("reanalyse_", "broken_"))
        handler.say("failed", str(broken.description) if broken else f"No DAG {dag_id}: {bag.import_errors}")
        return 1
    dag_run = dag.test()
    return 0 if str(dag_run.state) == "success" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
