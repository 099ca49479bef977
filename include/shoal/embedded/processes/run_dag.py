"""Run one DAG once, in this process, with Airflow's own task code: `python -m shoal.embedded.processes.run_dag DAG_ID`.

Standard output carries what Shoal's tasks say, one line each; everything else goes to standard error. Standard input is
a leash: the run stops when it closes, because the command that started it was told to stop, or was killed.
"""

import logging
import os
import signal
import sys
import threading
from typing import NoReturn

from shoal.contract.run_names import broken_dag_id, dataset_of
from shoal.embedded.processes.process_trees import WORKER_LEAVES_S, end_family, family_of

STAGES = {
    "plan_shards": "plan",
    "plan_told": "plan",
    "approve": "approve",
    "attempt": "infer",
    "shard_process": "infer",
    "summarize": "summarize",
    "translate": "failed",
}
ANSWER = "answer"
"""Stage of the one line that names the summary the run wrote."""

INTERRUPTED = 130


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
        # Blanks stay: they make the columns of a table.
        line = " ".join(text.expandtabs(1).splitlines())
        self._lines.write(f"{stage}\t{line}\n")


def main(dag_id: str) -> int:
    """Run the DAG; return 0 when its run succeeded."""
    handler = TaskLines(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _stop_when_let_go()
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - standard output is moved aside first

    for told in ("shoal.airflow.operators", "shoal.shards.attempt"):
        logging.getLogger(told).addHandler(handler)
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    dag = bag.dags.get(dag_id)
    if dag is None:
        broken = bag.dags.get(broken_dag_id(dataset_of(dag_id) or ""))
        handler.say("failed", str(broken.description) if broken else f"No DAG {dag_id}: {bag.import_errors}")
        return 1
    dag_run = dag.test()
    if str(dag_run.state) != "success":
        return 1
    written = dag_run.get_task_instance("summarize").xcom_pull(task_ids="summarize")
    if written:
        handler.say(ANSWER, written["summary"])
    return 0


def _stop_when_let_go() -> None:
    """Stop the run when standard input closes, or on SIGINT or SIGTERM.

    The signal goes to the main thread whatever it waits for, and the handler never returns: so the main thread, which
    runs the tasks, starts nothing more while their workers end. (Airflow takes SIGTERM over while a task runs.)
    """
    main_thread = threading.main_thread().ident or 0

    def wait() -> None:
        while os.read(leash, 64):
            pass
        signal.pthread_kill(main_thread, signal.SIGINT)

    leash = os.dup(sys.stdin.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    threading.Thread(target=wait, name="leash", daemon=True).start()


def _stop(_number: int, _frame: object) -> NoReturn:
    """End the workers, which write what they have, then this process at once: Airflow would go on with the next task."""
    own = os.getpid()
    end_family([member for member in family_of([own]) if member.pid != own], WORKER_LEAVES_S)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
