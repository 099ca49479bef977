"""Telling people through any of Airflow's notifiers; mail through Airflow's scheduler, triggerer and DAG processor is in test_up."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

NOTIFIERS = '''
import json, os
from airflow.sdk import BaseNotifier

class Kept(BaseNotifier):
    """Knows only how to send from code that may block, as older notifiers do."""
    template_fields = ("text",)
    def __init__(self, text, **kwargs):
        super().__init__(**kwargs)
        self.text = text
    def notify(self, context):
        with open(os.environ["KEPT"], "a") as file:
            file.write(json.dumps({"by": type(self).__name__, "text": self.text}) + "\\n")

class KeptAsync(Kept):
    async def async_notify(self, context):
        self.notify(context)

class Broken(Kept):
    def notify(self, context):
        raise RuntimeError("the service is down\\nsecond line")
'''

TELL = """
import asyncio, json, logging
from pathlib import Path
from shoal.airflow.alerts import Message, TellRunFailed, tell, tell_late
from shoal.settings.dataset_files import load_dataset
said = []
class Keep(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())
logging.getLogger("shoal.airflow.alerts").addHandler(Keep())
dataset = load_dataset(home.datasets / "reef.yaml")
class Dag:
    dag_id = "reanalyse_reef"
tell(dataset, Message("silent", "no image of camera\\n<b>{{ 1 + 1 }}</b>", "look there"), "reanalyse_reef", "run 1")
tell(dataset, Message("approval", "Infer 8 images?", "say yes or no", "required_actions"), "reanalyse_reef", "run 1")
TellRunFailed(dataset)({"dag": Dag, "run_id": "run 2", "reason": "task_failure"})
for state in ("running", "queued", "failed"):
    context = {"dag_run": {"state": state, "dag_id": "reanalyse_reef", "dag_run_id": f"run {state}"}, "deadline": {"deadline_time": "10:00"}}
    asyncio.run(tell_late(dataset="reef", alerts=dataset.alerts.model_dump(mode="json"), context=context))
from airflow.sdk.execution_time import comms, task_runner
class Airflow:
    # Answers as the supervisor of a triggerer does: of this Dag run it has a plan, and no variable is there.
    def send(self, asked):
        if isinstance(asked, comms.GetXCom) and (asked.task_id, asked.run_id) == ("plan", "run planned"):
            return comms.XComResult(key=asked.key, value={"run_key": "20260601T020000Z-abcd1234"})
        return comms.ErrorResponse()
task_runner.SUPERVISOR_COMMS = Airflow()
context["dag_run"] |= {"state": "running", "dag_run_id": "run planned"}
asyncio.run(tell_late(dataset="reef", alerts=dataset.alerts.model_dump(mode="json"), context=context))
print(json.dumps(said))
"""

ALERTS = """
alerts:
  notifiers:
    - {notifier: notifiers_of_a_test.Broken, arguments: {text: ""}}
    - {notifier: notifiers_of_a_test.NotThere}
    - {notifier: notifiers_of_a_test.Kept, arguments: {text: "{{ dataset }}: {{ alert }} {{ url }} {{ kind }}: {{ command }}"}}
    - {notifier: notifiers_of_a_test.KeptAsync, arguments: {text: "{{ alert }}"}}
"""


@pytest.fixture(scope="module")
def told(installation, tmp_path_factory):
    """What was sent, by which notifier, and what was logged of those that could not send."""
    home = type(installation)(tmp_path_factory.mktemp("alerts"))
    (home.home / "datasets").mkdir(parents=True)
    (home.home / "plugins").mkdir()
    demo = (ROOT / "include/datasets/demo.yaml").read_text(encoding="utf-8")
    (home.home / "datasets/reef.yaml").write_text(demo + ALERTS, encoding="utf-8")
    (home.home / "plugins/notifiers_of_a_test.py").write_text(NOTIFIERS, encoding="utf-8")
    kept = home.home / "kept.jsonl"
    path = f"{ROOT / 'include'}:{home.home / 'plugins'}"
    said = json.loads(home.airflow(TELL, KEPT=str(kept), PYTHONPATH=path))
    return [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()], said


def test_a_line_reaches_everybody_whoever_else_cannot_be_reached(told):
    sent, _ = told
    first = [entry for entry in sent if "camera" in entry["text"]]
    assert [entry["by"] for entry in first] == ["Kept", "KeptAsync"]


def test_what_comes_from_a_bucket_is_no_template(told):
    sent, _ = told
    assert sent[0]["text"].startswith("reef: no image of camera <b>{{ 1 + 1 }}</b> - look there ")


def test_the_line_leads_to_its_run_and_says_what_to_do_there(told):
    sent, _ = told
    assert sent[0]["text"].endswith("/dags/reanalyse_reef/runs/run%201 silent: look there")
    [asked] = [entry["text"] for entry in sent if entry["by"] == "Kept" and "Infer 8 images?" in entry["text"]]
    assert asked.endswith("/dags/reanalyse_reef/runs/run%201/required_actions approval: say yes or no")


def test_a_failed_run_is_told_with_airflow_s_reason(told):
    sent, _ = told
    assert {
        "by": "KeptAsync",
        "text": "Run run 2 of reanalyse_reef failed (task_failure) - python -m shoal check reef",
    } in sent


@pytest.mark.parametrize("by", ["Kept", "KeptAsync"])
def test_a_late_run_is_told_in_the_triggerer_and_a_failed_one_not_twice(told, by):
    sent, _ = told
    late = [entry["text"] for entry in sent if entry["by"] == by and "should have ended by 10:00" in entry["text"]]
    assert [text.split(" of reanalyse_reef is ")[1].split()[0] for text in late] == ["running", "queued", "running"]


def test_a_late_run_is_told_with_the_command_that_looks_at_it(told):
    sent, _ = told
    late = [entry["text"] for entry in sent if entry["by"] == "KeptAsync" and "should have ended by" in entry["text"]]
    assert [text.partition(" - ")[2] for text in late] == [
        "python -m shoal why reef", "python -m shoal why reef", "python -m shoal why reef/20260601T020000Z-abcd1234",
    ]  # fmt: skip


def test_who_could_not_be_told_is_logged_in_one_line(told):
    _, said = told
    assert (
        "could not be told through notifiers_of_a_test.Broken: the service is down second line - see alerts" in said[0]
    )
    assert any("notifiers_of_a_test.NotThere" in line and "see alerts in the dataset file" in line for line in said)
    assert all("\n" not in line for line in said)
