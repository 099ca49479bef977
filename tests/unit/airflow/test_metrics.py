"""What a run sends through Airflow's own metrics: received as StatsD has it, and named as the documents name it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from airflow.sdk.observability.metrics.stats_utils import get_stats_factory
from airflow.sdk.observability.stats import Stats

from metrics_received import running_statsd
from shoal.airflow import metrics
from shoal.airflow.metrics import AGE, CAPACITY, IMAGES, METRICS, Sample, are_wanted, send

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
RULES = yaml.safe_load((ROOT / "deploy/prometheus-rules.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text(encoding="utf-8"))
MAPPINGS = yaml.safe_load((ROOT / "deploy/statsd-exporter.yaml").read_text(encoding="utf-8"))["mappings"]

OWN = {"dataset": "reef", "run": "own"}
SENT = [
    Sample(IMAGES, 12, {**OWN, "fate": "failed"}),
    Sample(IMAGES, 7, {"dataset": "jetty", "run": "own", "fate": "failed"}),
    Sample(AGE, 3.5, {"dataset": "reef"}),
    Sample(CAPACITY, 4, OWN),
]


@pytest.fixture
def configured(monkeypatch):
    """Configures Airflow's metrics as its section says, and starts its client anew."""

    def configure(**settings):
        for key, value in settings.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{key.upper()}", str(value))
        Stats.initialize(factory=get_stats_factory(), export_legacy_names=True)

    yield configure
    monkeypatch.undo()
    Stats.initialize(factory=get_stats_factory(), export_legacy_names=True)


def test_plain_statsd_has_a_gauge_for_each_dataset(configured):
    pytest.importorskip("statsd", reason="apache-airflow[statsd] is not installed")
    with running_statsd() as server:
        configured(statsd_on=True, statsd_host="127.0.0.1", statsd_port=server.port)
        send(SENT)
        assert server.read(4) == {
            ("airflow.shoal.images.reef.own.failed", ()): 12,
            ("airflow.shoal.images.jetty.own.failed", ()): 7,
            ("airflow.shoal.answer_age_seconds.reef", ()): 3.5,
            ("airflow.shoal.capacity_pods.reef.own", ()): 4,
        }


def test_statsd_with_tags_has_them_as_tags(configured):
    pytest.importorskip("statsd", reason="apache-airflow[statsd] is not installed")
    with running_statsd() as server:
        configured(statsd_on=True, statsd_host="127.0.0.1", statsd_port=server.port, statsd_influxdb_enabled=True)
        send(SENT[:1])
        [(name, tags)] = server.read(1)
        assert (name, dict(tags)) == ("airflow.shoal.images", {**OWN, "fate": "failed"})


def test_nothing_is_wanted_where_airflow_sends_nothing(configured):
    configured()
    assert not are_wanted()
    configured(otel_on=True)
    assert are_wanted()


def broken():
    raise OSError("no such client")


class Refusing:
    def gauge(self, *_given, **_named):
        raise RuntimeError("the receiver is away")


@pytest.mark.parametrize("factory", [broken, Refusing], ids=["no client", "a client that raises"])
def test_whatever_is_wrong_with_the_receiver_is_one_line_and_no_failure(configured, caplog, factory):
    configured()
    Stats.initialize(factory=factory, export_legacy_names=True)
    send(SENT)
    assert "Metrics are not sent: " in caplog.text


def test_the_page_names_every_metric_with_unit_tags_and_meaning():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")
    ]
    assert rows == [
        [f"`{metric.name}`", metric.unit, ", ".join(metric.tags), metric.sent, metric.meaning] for metric in METRICS
    ]


def series(metric):
    return f"airflow_{metric.name.replace('.', '_')}"


LABELS = {series(metric): set(metric.tags) for metric in METRICS}
QUERIES = [
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
    *(rule["expr"] for group in RULES["groups"] for rule in group["rules"]),
    *(
        variable["query"]["query"]
        for variable in DASHBOARD["templating"]["list"]
        if isinstance(variable["query"], dict)
    ),
]


@pytest.mark.parametrize("query", QUERIES)
def test_dashboard_and_rules_ask_for_metrics_and_labels_that_exist(query):
    names = re.findall(r"airflow_\w+", query)
    assert names
    assert set(names) <= LABELS.keys()
    asked = {label for inner in re.findall(r"\{([^}]*)\}", query) for label in re.findall(r"(\w+)\s*=", inner)}
    asked |= {label.strip() for inner in re.findall(r"by \(([^)]*)\)", query) for label in inner.split(",")}
    assert asked <= set.intersection(*(LABELS[name] for name in names))


def test_every_metric_is_on_the_dashboard():
    shown = {name for query in QUERIES for name in re.findall(r"airflow_\w+", query)}
    assert LABELS.keys() - shown == {series(AGE)}, "its age is drawn from the time of its listing, which needs no run"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("tagged", [True, False], ids=["with tags", "without"])
def test_the_exporter_makes_one_series_of_each_name_with_tags_or_without(metric, tagged):
    """By its rule: the first match counts, a star is one part of the name."""
    tags = {tag: f"a-{tag}" for tag in metric.tags}
    name = f"airflow.{metric.name if tagged else metrics.plain_name(Sample(metric, 1, tags))}"
    found = next(
        (entry, match)
        for entry in MAPPINGS
        if (match := re.fullmatch(re.escape(entry["match"]).replace(r"\*", r"([^.]+)"), name))
    )
    entry, parts = found[0], found[1].groups()

    def fill(text):
        return re.sub(r"\$\{?(\d)\}?", lambda number: parts[int(number[1]) - 1], text)

    assert fill(entry["name"]) == series(metric)
    assert {label: fill(value) for label, value in entry.get("labels", {}).items()} == ({} if tagged else tags)


FIRED = {
    "ShoalAnswerOld": ('airflow_shoal_answer_listed_timestamp_seconds{dataset="reef"}', "0x3000"),
    "ShoalImagesFail": ('airflow_shoal_failed_share{dataset="reef", run="own"}', "0.2x3000"),
    "ShoalWorkDoesNotGetLess": ('airflow_shoal_pending_images{dataset="reef", run="own"}', "7x6000"),
    "ShoalNoRoom": ('airflow_shoal_capacity_pods{dataset="reef", run="own"}', "0x90"),
}
"""A series that each rule is to fire on, in promtool's words: a value, and how many minutes it stays."""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: Debian's prometheus has it")
def test_prometheus_takes_each_rule_and_fires_it(tmp_path):
    rules = ROOT / "deploy/prometheus-rules.yaml"
    firing = [
        {
            "interval": "1m",
            "input_series": [{"series": series, "values": values}],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                    "eval_time": f"{values.partition('x')[2]}m",
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
            ],
        }
        for name, (series, values) in FIRED.items()
    ]
    tested = tmp_path / "tested.yaml"
    tested.write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": firing}), encoding="utf-8")
    assert {rule["alert"] for group in RULES["groups"] for rule in group["rules"]} == FIRED.keys()
    for asked in (["check", "rules", str(rules)], ["test", "rules", str(tested)]):
        done = subprocess.run(["promtool", *asked], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_what_prometheus_reads():
    """Its own check is promtool's; here the shape, so that a misspelt field is found where it is not installed."""
    for group in RULES["groups"]:
        assert set(group) == {"name", "rules"}
        for rule in group["rules"]:
            assert (
                {"alert", "expr", "labels", "annotations"}
                <= set(rule)
                <= {"alert", "expr", "for", "labels", "annotations"}
            )
            assert rule["expr"].count("(") == rule["expr"].count(")")
            assert "python -m shoal" in rule["annotations"]["description"]
