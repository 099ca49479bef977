"""Whom a dataset file may name to tell people: notifiers and nothing else, and finding out runs nothing."""

import sys

import pytest
from airflow.sdk import BaseNotifier

from shoal.airflow.alerts import Message, tell
from shoal.airflow.notifiers import check_notifiers, find_notifier, need_notifiers
from shoal.contract.errors import ConfigError
from shoal.settings.alerts import Alerts
from shoal.settings.checkout import EXAMPLES
from shoal.settings.dataset_files import load_dataset

SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
EXAMPLE = f"name a class derived from airflow.sdk.BaseNotifier, such as {SMTP}"

FILES = {
    "ours.py": "from airflow.sdk import BaseNotifier\nclass Kept(BaseNotifier):\n    def __init__(self, text, **more):\n"
    "        super().__init__(**more)\n    def notify(self, context): pass\nclass Half(BaseNotifier): pass\n",
    "pack/__init__.py": "try:\n    from .inner import Kept as Renamed\nexcept ImportError:\n    pass\n",
    "pack/inner.py": "from ours import Kept\n",
    "pack/all.py": "from .inner import *\n",
    "runs.py": "open(r'{ran}', 'w').close()\n",
    "lies.py": "open(r'{ran}', 'w').close()\nclass Kept: pass\n",
    "raises.py": "class Kept(object): pass\nraise SystemExit('gone')\n",
    "torn.py": "class Kept(",
    "other.py": "class Kept(dict):\n    def __init__(self, **more):\n        raise AssertionError('made')\n",
}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Modules that Airflow's Python can import; returns the file that is there once one of them that must not ran."""
    for name, source in FILES.items():
        path = tmp_path / "modules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source.replace("{ran}", str(tmp_path / "ran")), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    yield tmp_path / "ran"
    for name in ("ours", "pack", "pack.inner", "pack.all", "runs", "lies", "raises", "torn", "other"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("path", ["ours.Kept", "pack.Renamed", "pack.inner.Kept", "pack.all.Kept", SMTP])
def test_notifiers_of_providers_and_of_your_own_are_taken(modules, path):
    assert issubclass(find_notifier(path), BaseNotifier)
    need_notifiers(Alerts(notifiers=({"notifier": path},)))


REFUSED = {
    "a function of Python's": ("os.system", f"os has no class system that is derived from another one - {EXAMPLE}"),
    "a class that runs programs": ("subprocess.Popen", f"subprocess has no class Popen that is derived from another one - {EXAMPLE}"),
    "a builtin": ("builtins.exec", f"builtins has no class exec that is derived from another one - {EXAMPLE}"),
    "a module that does something": ("runs.Kept", f"runs has no class Kept that is derived from another one - {EXAMPLE}"),
    "a class of nothing": ("lies.Kept", f"lies has no class Kept that is derived from another one - {EXAMPLE}"),
    "a module that runs a program": ("unittest.__main__.main", f"unittest.__main__ has no class main that is derived from another one - {EXAMPLE}"),
    "a module that is torn": ("torn.Kept", f"torn has no class Kept that is derived from another one - {EXAMPLE}"),
    "a class of something else": ("other.Kept", f"it is not derived from Airflow's BaseNotifier - {EXAMPLE}"),
    "what all are derived from": ("airflow.sdk.bases.notifier.BaseNotifier", f"it has no notify of its own - {EXAMPLE}"),
    "one that cannot notify": ("ours.Half", f"it has no notify of its own - {EXAMPLE}"),
    "a module that ends Airflow": ("raises.Kept", f"it cannot be imported (SystemExit: gone) - {EXAMPLE}"),
    "nothing": ("nowhere.Kept", f"there is no module nowhere here - {EXAMPLE}"),
    "a slip in the module": ("airflow.providers.smtp.notification.smtp.SmtpNotifier", f"there is no module airflow.providers.smtp.notification.smtp here - did you mean {SMTP}?"),
    "a slip in the class": ("airflow.providers.smtp.notifications.smtp.SmtpNotifer", f"airflow.providers.smtp.notifications.smtp has no class SmtpNotifer that is derived from another one - did you mean {SMTP}?"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "why"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_in_one_line_and_not_made(modules, path, why):
    with pytest.raises(ConfigError) as refused:
        find_notifier(path)
    assert str(refused.value) == f"alerts.notifiers: {path} is no notifier: {why}"
    assert not modules.exists(), "nothing ran"


def test_a_file_is_judged_without_an_import(modules):
    with pytest.raises(ConfigError, match=r"os\.system is no notifier.*\nalerts\.notifiers: lies\.Kept is no notifier"):
        need_notifiers(
            Alerts(notifiers=({"notifier": "os.system"}, {"notifier": "ours.Kept"}, {"notifier": "lies.Kept"}))
        )
    need_notifiers(Alerts(notifiers=({"notifier": "nowhere.Kept"}, {"notifier": "raises.Kept"})))
    assert not {"ours", "lies", "raises"} & set(sys.modules)


def test_a_check_holds_the_arguments_against_the_class(modules):
    kept = {"notifier": "ours.Kept", "arguments": {"text": "x"}}
    assert check_notifiers(Alerts(email=("a@b.example",), notifiers=(kept,))) == "a@b.example, ours.Kept will be told"
    with pytest.raises(ConfigError, match=r"ours\.Kept: missing a required argument: 'text' - it takes text, more"):
        check_notifiers(Alerts(notifiers=({"notifier": "ours.Kept"},)))


def test_an_alert_runs_no_program(modules, tmp_path, caplog):
    dataset = load_dataset(EXAMPLES / "demo.yaml")
    ran = {"notifier": "os.system", "arguments": {"command": f"touch {modules}"}}
    tell(
        dataset.model_copy(update={"alerts": Alerts(notifiers=(ran,))}),
        Message("silent", "no image"),
        "reanalyse_demo",
        "run 1",
    )
    assert not modules.exists()
    assert "could not be told through os.system: alerts.notifiers: os.system is no notifier" in caplog.text
