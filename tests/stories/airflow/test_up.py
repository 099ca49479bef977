"""`make up`: the real scheduler, executor and REST API over the embedded store, until Ctrl-C."""

import html
import json
import os
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

import psutil
import pytest

from airflow_rest import AirflowRest
from asked_pages import said_by
from axe import find_faults
from browser import browser_page
from cluster.processes import free_port
from embedded_installation import ROOT
from shoal.settings.said_params import NOTHING_SENT
from smtp_server import running_mailbox
from waiting import wait_until

DEMO, RUN_S, PARSED_S = "reanalyse_demo", 600, 300


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def mailbox():
    """A mail server that Airflow's connection smtp_default leads to."""
    with running_mailbox() as mailbox, pytest.MonkeyPatch.context() as patch:
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": mailbox.port}
        connection["extra"] = {"disable_ssl": True, "disable_tls": True, "from_email": "shoal@example.org"}
        patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield mailbox


@pytest.fixture(scope="module")
def web(installation, port, mailbox):
    """A running web interface with a session, after another one was killed over the same folder and port; stopped by Ctrl-C,
    after which nothing may be left."""
    killed = installation.start("up", "--port", str(port))
    _password(killed)
    servers = psutil.Process(killed.pid).children()
    left = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()
    killed.communicate(timeout=60)
    # Not what these started: a process that parses a file ends by itself.
    assert all(process.is_running() for process in servers), "what a killed command leaves"
    process = installation.start("up", "--port", str(port))
    try:
        password = _password(process)
        _, alive = psutil.wait_procs(left, timeout=30)
        web = Web(port, psutil.Process(process.pid), password, alive)
        wait_until(lambda: web.knows(DEMO), PARSED_S, f"{DEMO} parsed")
        yield web
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=180)
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == [], "Ctrl-C leaves no process behind"


def _password(process) -> str:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"password (\S+)", line):
            return found[1]
    raise AssertionError("".join(lines))


class Web(AirflowRest):
    """A web interface with a session: its command, and what still runs of the one that was killed before."""

    def __init__(self, port: int, process: psutil.Process, password: str, left: list[psutil.Process]) -> None:
        super().__init__(port, password)
        self.process, self.left_by_the_killed = process, left


def test_what_a_killed_web_interface_left_is_ended_by_the_next(web):
    assert web.left_by_the_killed == []


def test_every_server_listens_on_loopback_only(web):
    listening = []
    for process in web.process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a task's process may end meanwhile
            found = process.net_connections("inet")
            listening += [one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN]
    assert len(listening) >= 2, "the web interface and the store"
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        pytest.param({"limit": 0}, "Invalid input for param limit: 0 is less than the minimum of 1", id="limit"),
        pytest.param({"conf": "high"}, "conf: 'high' does not match '(?#write a number from 0.05 to 1", id="conf"),
        pytest.param({"conf": [0.5]}, "Invalid input for param conf: [0.5] is not of type", id="conf in a list"),
        pytest.param({"prefix": "/x"}, "Invalid input for param prefix", id="prefix"),
        pytest.param({"window_start": "yesterday"}, "Invalid input for param window_start: 'yesterday'", id="no time"),
        pytest.param(
            {"window_end": "2026-06-02T00:00:00"}, "Invalid input for param window_end", id="a time without a zone"
        ),
        pytest.param({"retry_failed": ["bad luck"]}, "Invalid input for param retry_failed: 'bad luck'", id="reason"),
    ],
)
def test_a_bad_parameter_is_refused_when_triggering(web, conf, message):
    answer = web.try_to_trigger(DEMO, **conf)
    assert answer.status == 400
    assert message in answer.json()["detail"]


TYPED = {
    "more than there is": (
        "conf",
        "1.5",
        "'1.5' does not match '(?#write a number from 0.05 to 1, such as 0.5 or 0,5)",
    ),
    "letters": ("conf", "abc", "'abc' does not match '(?#write a number from 0.05 to 1"),
    "half an image": ("limit", "10.5", "'10.5' does not match '(?#write a whole number above 0 in digits only"),
    "a space in a version": (
        "model_version",
        "v 2",
        "'v 2' does not match '(?#write it as its folder in the models bucket is",
    ),
}
"""What people type into the form: field, value, what the form answers."""


@dataclass(frozen=True)
class TriedForm:
    """What became of what was typed.

    Attributes:
        answers: What the form said of each value that it did not take, by what is wrong with it.
        run_id: The run of those that it took.
    """

    answers: dict[str, str]
    run_id: str


@pytest.fixture(scope="module")
def tried_form(web):
    """The form, in a browser: values that it refuses one after the other, then a confidence with a comma, which starts a run."""
    answers = {}
    with browser_page(web) as page:
        page.goto(f"{web.url}/dags/{DEMO}", wait_until="domcontentloaded")
        page.get_by_role("button", name="Trigger").first.click()
        form = page.get_by_role("dialog")
        for what, (name, typed, _) in TYPED.items():
            _type(form, name, typed)
            # By its key: what Airflow says of the value before lies above the button.
            form.get_by_role("button", name="Trigger").press("Enter")
            answer = form.get_by_text(f"Invalid input for param {name}: '{typed}'").first
            answer.wait_for()
            answers[what] = answer.inner_text()
            _type(form, name, "")
        _type(form, "conf", "0,5")
        _type(form, "limit", "3")
        with page.expect_response(lambda answer: answer.url.endswith(f"{DEMO}/dagRuns")) as started:
            form.get_by_role("button", name="Trigger").press("Enter")
        run_id = started.value.json()["dag_run_id"]
        assert web.finished(DEMO, run_id) == "success"
        page.goto(f"{web.url}/dags/{DEMO}/runs/{run_id.replace('+', '%2B')}", wait_until="domcontentloaded")
        page.get_by_text("counting from confidence 0.5 (asked: 0,5)").first.wait_for()
    return TriedForm(answers, run_id)


def _type(form, name, typed):
    field = form.locator(f"[name=element_{name}]")
    field.fill(typed)
    field.press("Tab")
    assert field.input_value() == typed, "the form changes nothing by itself"


@pytest.mark.parametrize("what", TYPED)
def test_the_form_says_what_to_write_where_it_refuses(tried_form, what):
    assert TYPED[what][2] in tried_form.answers[what]


def test_a_decimal_comma_in_the_form_is_understood_and_said(web, installation, tried_form):
    """The note was seen on the run's page, see `tried_form`."""
    said = "counting from confidence 0.5 (asked: 0,5); only the first 3 images"
    assert web.get(f"dags/{DEMO}/dagRuns/{tried_form.run_id}")["note"].startswith(f"{said}\n\n3 examined = ")
    log = web.log(DEMO, tried_form.run_id, "plan")
    assert log.index(said) < log.index("run 20"), "before all else that the plan says"
    assert read_summary(web, installation, DEMO, tried_form.run_id)["result"]["conf"] == 0.5


def read_summary(web, installation, dag_id, run_id):
    uri = web.xcom(dag_id, run_id, "summarize")["summary"]
    return json.loads((installation.home / "store" / uri.removeprefix("s3://")).read_text(encoding="utf-8"))


def read_current(installation):
    return json.loads((installation.home / "store/demo-results/demo/current.json").read_text(encoding="utf-8"))


def test_a_run_triggered_by_rest_maps_shards_and_ends_with_a_summary(web):
    run_id = web.trigger(DEMO, model_version="v2")
    assert web.finished(DEMO, run_id) == "success"
    assert {(task, label and label.split(":")[0]): state for (task, label), state in web.tasks(DEMO, run_id).items()} == {
        ("plan", None): "success", ("approve", None): "success", ("infer", "shard 0"): "success", ("infer", "shard 1"): "success",
        ("summarize", None): "success", ("continue_run", None): "skipped", ("end_run", None): "success",
    }  # fmt: skip
    labels = sorted(label for task, label in web.tasks(DEMO, run_id) if task == "infer")
    assert re.fullmatch(r"shard 1: IPC608/.+ to IPC710/.+", labels[1]), "where its images begin and end"
    result = web.get(f"dags/reanalyse_demo/dagRuns/{run_id}/taskInstances/summarize/xcomEntries/return_value")["value"]
    assert "demo/demo-fish-v2-" in str(result)


PAGES = {
    "Plan": (
        "plan",
        lambda text: "To infer in this run</th>" in text and "&#34;eta_s&#34;: " in text,
        "text/html",
    ),
    "Summary": ("summarize", lambda page: json.loads(page)["result"]["examined"] == 126, "application/json"),
    "Report": ("summarize", lambda page: "Chromis chromis" in page, "text/html"),
}


@pytest.fixture(scope="module")
def linked(web):
    """The pages that the buttons on the tasks of a run lead to."""
    run_id = web.trigger(DEMO, model_version="v1")
    assert web.finished(DEMO, run_id) == "success"
    tasks = f"dags/reanalyse_demo/dagRuns/{run_id}/taskInstances"
    found = {name: web.get(f"{tasks}/{task}/links")["extra_links"][name] for name, (task, _, _) in PAGES.items()}
    return {"run_id": run_id} | {name: web.url + path for name, path in found.items()}


@pytest.mark.parametrize("name", PAGES)
def test_what_a_task_wrote_is_one_click_away(web, linked, name):
    _, holds, kind = PAGES[name]
    page = web.http.request("GET", linked[name], headers=web.headers)
    assert page.status == 200
    assert page.headers["Content-Type"].startswith(kind)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert holds(page.data.decode())


FILES_BESIDE = {"counts-day.csv", "counts-month.csv", "gaps.csv", "failures.csv", "findings.json"}


def test_the_files_beside_the_report_are_one_click_further(web, linked):
    beside = linked["Report"].removesuffix("report.html")
    counts = web.http.request("GET", beside + "counts-day.csv", headers=web.headers)
    assert counts.data.startswith(b"camera,deployment,taxon,")
    assert "attachment" in counts.headers["Content-Disposition"]
    assert web.http.request("GET", beside + "images-2026-06.parquet", headers=web.headers).data.startswith(b"PAR1")
    for name in ("counts-day.csv", "report.html"):
        assert web.http.request("GET", beside + name).status == 401
    other = web.http.request("GET", beside + "plan.json", headers=web.headers)
    assert (other.status, "names no file 'plan.json'" in said_by(other.data.decode())) == (404, True)


def test_the_report_s_links_hand_its_files_over_in_a_browser(web, linked):
    """The sandbox that the report is shown in lets its links lead to downloads, and nowhere else."""
    with browser_page(web) as page:
        page.goto(linked["Report"], wait_until="load")
        links = page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
        for name in FILES_BESIDE & set(links):
            with page.expect_download() as given:
                page.locator(f"a[href='{name}']:visible").first.click()
            assert (given.value.suggested_filename, given.value.failure()) == (name, None)
    assert set(links) == FILES_BESIDE


@pytest.mark.parametrize("name", PAGES)
def test_only_those_who_may_see_the_dag_see_its_pages(web, linked, name):
    assert web.http.request("GET", linked[name]).status == 401
    assert web.http.request("GET", linked[name], headers={"Authorization": "Bearer forged"}).status in {401, 403}


OF_NO_DAG = ("GET /", "GET /static/report.html")


def test_no_route_answers_who_may_not_see_its_dag(web, installation):
    code = "import runpy; runpy.run_module('asked_rights', run_name='__main__')"
    path = f"{ROOT / 'include'}:{ROOT / 'tests/houses'}"
    answers = json.loads(installation.airflow(code, PYTHONPATH=path))
    of_no_dag = {
        person: {request: statuses.pop(request) for request in OF_NO_DAG} for person, statuses in answers.items()
    }
    assert {person: tuple(statuses.values()) for person, statuses in of_no_dag.items()} == {
        person: (401, 401) if person == "nobody" else (403, 403) if person == "a forger" else (200, 404)
        for person in answers
    }, "a list of no more than one may see, and the files of the pages"
    sees, edits = answers.pop("who sees the DAG"), answers.pop("who edits the DAG")
    of_answers = {"explore", "evidence", "compare", "try", "images", "image", "failures", "picture", "original"}
    routes = {"dataset", "dag-run", "run", *of_answers, *(name.lower() for name in PAGES)}
    assert {request.split("/")[1] for request in sees} == routes, "all routes there are"
    means_another = {request for request in sees if re.search("/~[/?]", request)}
    decides = {request for request in sees if request.startswith("POST /evidence/")}
    assert set(map(sees.get, sees.keys() - means_another - decides)) == {404}, (
        "there is no such dataset, and that is for him to know"
    )
    assert [(sees[request], edits[request]) for request in decides] == [(403, 404)], "who sees does not decide"
    assert {request: status for request, status in edits.items() if request not in decides} == {
        request: status for request, status in sees.items() if request not in decides
    }
    assert {sees[request] for request in means_another} == {403}
    assert {person: set(statuses.values()) for person, statuses in answers.items()} == {
        "nobody": {401}, "a forger": {403}, "who sees another dataset's DAG": {403}, "who sees a DAG of a similar name": {403},
    }  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_a_run_that_is_not_there_says_so(web, linked, name):
    missing = re.sub(r"/\d{8}T\d{6}Z-\w{8}", "/20200101T000000Z-aaaaaaaa", linked[name])
    answer = web.http.request("GET", missing, headers=web.headers)
    assert (answer.status, "20200101T000000Z-aaaaaaaa" in said_by(answer.data.decode())) == (404, True)


def test_airflow_s_own_command_sees_the_runs(linked, installation):
    listed = installation.run("airflow", "dags", "list-runs", "reanalyse_demo", "--output", "json")
    assert listed.returncode == 0, listed.stdout
    assert json.loads(listed.stdout[listed.stdout.rindex("[{") :])[0]["dag_id"] == "reanalyse_demo"


def test_the_pages_describe_themselves_to_nobody(web):
    assert web.http.request("GET", web.url + "/shoal/openapi.json").status == 404


def test_counting_again_lists_nothing_starts_no_shard_and_is_the_answer(web, linked, installation):
    before = read_current(installation)
    run_id = web.trigger(DEMO, count_again=True)
    assert web.finished(DEMO, run_id) == "success"
    assert web.tasks(DEMO, run_id)["infer", None] == "skipped"
    summary, answer = read_summary(web, installation, DEMO, run_id), read_current(installation)
    assert (answer["run_key"], answer["result_sha256"]) == (summary["run"]["run_key"], before["result_sha256"])
    assert summary["run"]["of_run"] == before["run_key"]
    assert "counting the images of the dataset's answer again" in web.get(f"dags/{DEMO}/dagRuns/{run_id}")["note"]


@pytest.fixture(scope="module")
def walked(web, linked):
    """Shoal's pages, reached by clicks from Airflow's own and from one another, and what was found on each."""
    run_id = linked["run_id"]
    found = {}
    with browser_page(web) as page:
        for name, way in WAYS.items():
            page.goto(f"{web.url}{way.format(run_id=quote(run_id, safe=''))}", wait_until="domcontentloaded")
            frame = page.frame_locator("iframe")
            frame.locator("main h1").wait_for()
            found[name] = frame.locator("body").inner_text()
        frame = page.frame_locator("iframe")
        frame.get_by_role("link", name="demo", exact=True).first.click()
        frame.get_by_role("heading", name="Dataset demo").wait_for()
        frame.get_by_role("link", name="Run", exact=True).click()
        frame.locator("main strong.good").wait_for()
        frame.get_by_role("link", name="Plan", exact=True).click()
        frame.get_by_text("To infer in this run").wait_for()
        address = frame.locator("body").evaluate("() => location.href")
        frame.get_by_role("link", name=re.compile("^run ")).click()
        frame.get_by_role("link", name="Dag run in Airflow").click()
        page.wait_for_url("**/dags/reanalyse_demo/runs/**")
        found["by clicks"] = address
        page.goto(addresses(web, linked)["images"])
        page.locator("ol.grid a").first.wait_for()
        image = page.locator("ol.grid a").first.evaluate("link => link.href")
        page.wait_for_function("() => document.querySelector('ol.grid img').naturalWidth > 0")
        for name, shown in {**addresses(web, linked), "plan": address, "image": image}.items():
            for width in (1200, 390):
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(shown, wait_until="load")
                page.locator("main h1").wait_for()
                page.wait_for_function("() => !document.title.startsWith('Nearly there')")  # it loads itself again
                wide = page.evaluate("document.documentElement.scrollWidth")
                found[name, width] = (wide, find_faults(page))
    return found


WAYS = {
    "a tab of the Dag run": "/dags/reanalyse_demo/runs/{run_id}/plugin/shoal_dag_run",
    "a tab of the DAG": "/dags/reanalyse_demo/plugin/shoal_dag",
    "the menu": "/plugin/shoal",
}
SAID = {"a tab of the Dag run": "summarize ✓ done", "a tab of the DAG": "To cite", "the menu": "Newest image"}
LOOKED_AT = ("all", "dataset", "run", "plan", "explore", "compare", "try", "images", "image", "failures", "missing")


def addresses(web, linked):
    run = linked["Plan"].replace("/plan/", "/run/")
    shoal = f"{web.url}/shoal/"
    of_run = {name: linked["Plan"].replace("/plan/", f"/{name}/") for name in ("images", "failures")}
    return {
        "all": shoal,
        "dataset": f"{shoal}dataset/reanalyse_demo",
        "run": run,
        "explore": run.replace("/run/", "/explore/"),
        "compare": f"{shoal}compare/reanalyse_demo",
        "try": run.replace("/run/", "/try/"),
        **of_run,
        "missing": f"{shoal}nothing",
    }


@pytest.mark.parametrize("way", WAYS)
def test_airflow_shows_the_pages_among_its_own(walked, way):
    assert SAID[way] in walked[way]


def test_the_pages_lead_to_one_another_and_back_to_airflow(walked):
    assert "/shoal/plan/reanalyse_demo/demo-fish-v1-" in walked["by clicks"]


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("name", LOOKED_AT)
def test_every_page_fits_and_can_be_read_by_all(walked, name, width):
    wide, faults = walked[name, width]
    assert (wide <= width, faults) == (True, [])


def test_no_backfill_starts_by_itself(web):
    assert web.get("dags/backfill_demo")["is_paused"] is False
    assert web.get("dags/backfill_demo/dagRuns")["dag_runs"] == []


@pytest.fixture(scope="module")
def backfilled(web):
    """A backfill of three months for another model version, which has ended: its runs by month."""
    web.backfill("backfill_demo", "2026-05-01T00:00:00Z", "2026-07-01T00:00:00Z", model_version="v2", conf=0.5)

    def ended():
        runs = web.get("dags/backfill_demo/dagRuns?order_by=logical_date")["dag_runs"]
        return len(runs) == 3 and {run["state"] for run in runs} <= {"success", "failed"} and runs

    return wait_until(ended, RUN_S, "the end of three months", pause_s=0.5)


def test_a_backfill_makes_one_run_per_month_with_its_conf(web, backfilled):
    assert [run["state"] for run in backfilled] == ["success"] * 3
    assert [run["data_interval_start"][:10] for run in backfilled] == ["2026-05-01", "2026-06-01", "2026-07-01"]
    assert {run["conf"]["model_version"] for run in backfilled} == {"v2"}


def test_each_month_of_a_backfill_has_its_own_summary_and_all_share_a_listing(web, backfilled, installation):
    listed, listings = [], set()
    for run in backfilled:
        summary = read_summary(web, installation, "backfill_demo", run["dag_run_id"])
        assert summary["result"]["scope"]["window_start"] == run["data_interval_start"]
        listed.append(summary["run"]["balance"]["listed"])
        listings.add(summary["run"]["listing"]["key"])
    assert len(listings) == 1
    # All scenes are of June; bad files without a date count where they were last modified.
    assert listed[0] == listed[2] == 0
    assert listed[1] >= 117


def test_a_month_without_images_is_no_failure_and_its_note_says_that_nothing_lies_there(backfilled):
    notes = [run["note"] for run in backfilled]
    assert notes[1].startswith("model version v2; counting from confidence 0.5\n\n")
    for note in (notes[0], notes[2]):
        assert note.startswith("No image lies in the window from 2026-0")
        assert "126 images were listed, the " in note
        assert "\n\nmodel version v2; counting from confidence 0.5\n\n" in note


def test_a_backfill_to_which_airflow_s_form_sent_nothing_says_so(web, backfilled):
    """The form leaves out what was typed where nobody ticked that existing runs get it, too; and Airflow says nothing of it."""
    web.backfill("backfill_demo", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z")
    run_id = "backfill__2020-02-01T00:00:00+00:00"
    assert web.finished("backfill_demo", run_id) == "success"
    note = web.get(f"dags/backfill_demo/dagRuns/{run_id}")["note"]
    assert f"\n\n{NOTHING_SENT}\n\n" in note
    assert NOTHING_SENT in web.log("backfill_demo", run_id, "plan")


A_WEEK = {"window_start": "2026-06-03T00:00:00Z", "window_end": "2026-06-10T00:00:00Z"}
NO_MONTH = (
    "Runs of backfill_demo look at one calendar month each (UTC), and this one asks for only images captured from "
    "2026-06-03T00:00:00Z on; only images captured before 2026-06-10T00:00:00Z - airflow backfill create --dag-id backfill_demo "
    "--from-date 2026-06-01 --to-date 2026-06-01 --reprocess-behavior completed --max-active-runs 1 looks at whole months"
)
CAUSES = {
    "no such parameter": (DEMO, {"cnof": 0.5}, "No run parameter is called 'cnof' - did you mean conf?"),
    "no such prefix": (
        DEMO,
        {"prefix": "ipc608/"},
        "in the bucket there are 'IPC608/', 'IPC710/' - did you mean 'IPC608/'?",
    ),
    "no month": ("backfill_demo", A_WEEK, NO_MONTH),
}


@pytest.fixture(scope="module")
def failing(web, backfilled):
    """Runs that cannot be planned, all started at once."""
    return {what: web.trigger(dag_id, **conf) for what, (dag_id, conf, _) in CAUSES.items()}


@pytest.mark.parametrize("what", CAUSES)
def test_one_cause_is_one_line_in_every_red_task_and_in_the_note(web, failing, what):
    dag_id, run_id, cause = CAUSES[what][0], failing[what], CAUSES[what][2]
    assert web.finished(dag_id, run_id) == "failed"
    note = web.get(f"dags/{dag_id}/dagRuns/{run_id}")["note"]
    assert cause in note.split("\n")[0]
    red = [task for (task, _), state in web.tasks(dag_id, run_id).items() if state == "failed"]
    assert sorted(red) == ["end_run", "plan", "summarize"], "clearing what failed clears all of it"
    for task in red:
        errors = [line for line in web.log(dag_id, run_id, task).splitlines() if cause in line]
        assert errors, task


def new_dataset(web, installation, name, settings, *, by_hand=True):
    """Lay a dataset file beside the demo's and wait until Airflow sees it, by the button that parses anew or by itself; return its DAG."""
    demo = (installation.home / "datasets/demo.yaml").read_text(encoding="utf-8")
    (installation.home / f"datasets/{name}.yaml").write_text(demo + settings, encoding="utf-8")
    if by_hand:
        web.send("PUT", f"parseDagFile/{web.get(f'dags/{DEMO}/details')['file_token']}")
    wait_until(
        lambda: len(web.get(f"dags?dag_id_pattern={name}")["dags"]) == 2,
        PARSED_S,
        "the DAGs of a new file",
        pause_s=0.5,
    )
    return f"reanalyse_{name}"


@pytest.fixture(scope="module")
def crowded(web, installation):
    """A dataset whose pool was never made, with somebody to tell."""
    settings = "run: {pool: nobody-made-it}\nalerts: {email: [operator@example.org]}\n"
    return new_dataset(web, installation, "crowded", settings, by_hand=False)


@pytest.fixture(scope="module")
def told(web, installation):
    """A dataset with somebody to tell, who hears of every run that takes longer than a second; its report leads to the pages."""
    settings = "run: {deadline: 1s, expect_new_within: 26h}\nalerts: {email: [operator@example.org]}\n"
    return new_dataset(web, installation, "told", f"{settings}report: {{pages_url: '{web.url}'}}\n")


def test_somebody_is_told_of_a_silent_camera_and_of_a_late_run(web, mailbox, told):
    """The demo's scenes are of June 2026: both cameras have been silent since."""
    run_id = web.trigger(told)
    late = mailbox.wait_for(lambda subject: "should have ended by" in subject)
    assert (late["From"], late["To"]) == ("shoal@example.org", "operator@example.org")
    assert late["Subject"].startswith(f"Shoal told: Run {run_id} of {told} is ")
    assert f"{web.url}/dags/{told}/runs/" in late.get_body().get_content()
    silent = mailbox.wait_for(lambda subject: "no image of camera" in subject).get_body().get_content()
    assert "no image of camera IPC710 since 2026-06-0" in silent
    assert web.finished(told, run_id) == "success"


def test_the_report_that_airflow_s_frame_leads_to_leads_to_the_pages_of_images(web, told):
    """In the frame itself a browser would send no login with the report's links: it is a sandbox, of an origin of its own."""
    run_id = web.get(f"dags/{told}/dagRuns?state=success&order_by=run_after")["dag_runs"][0]["dag_run_id"]
    with browser_page(web) as page:
        tab = f"{web.url}/dags/{told}/runs/{quote(run_id, safe='')}/plugin/shoal_dag_run"
        page.goto(tab, wait_until="domcontentloaded")
        with page.context.expect_page() as opened:
            page.frame_locator("iframe").get_by_role("link", name="Report", exact=True).click()
        report = opened.value
        report.locator("svg").first.wait_for()
        report.locator("a[href*='/shoal/images/']").first.click()
        report.locator("ol.grid a").first.wait_for()
        assert page.url == tab, "and Airflow's own page stays"


def test_somebody_is_told_that_a_run_asks_for_approval(web, mailbox, installation):
    settings = "run: {approval_cpu_hours: 0}\nalerts: {email: [operator@example.org]}\n"
    asked = new_dataset(web, installation, "asked", settings)
    run_id = web.trigger(asked, model_version="v2")
    asks = (
        mailbox.wait_for(lambda subject: "Infer 126 images with demo-fish v2?" in subject, RUN_S)
        .get_body()
        .get_content()
    )
    assert "say yes or no under Required actions; no answer in time (run.approval_timeout) means no" in asks
    stopped = web.http.request(
        "PATCH", f"{web.url}/api/v2/dags/{asked}/dagRuns/{run_id}", json={"state": "failed"}, headers=web.headers
    )
    assert stopped.status == 200


def test_somebody_is_told_of_a_failed_run(web, mailbox, told):
    run_id = web.trigger(told, model_version="v99")
    assert web.finished(told, run_id) == "failed"
    assert mailbox.wait_for(lambda subject: f"Run {run_id} of {told} failed" in subject)


def test_of_a_second_late_run_of_a_night_nobody_is_told(web, mailbox, told):
    run_id = web.trigger(told, plan_only=True)
    assert web.finished(told, run_id) == "success"
    kept = wait_until(
        lambda: next(iter(json.loads(web.get(f"variables/shoal_told_{told}_late")["value"]).values()))["more"],
        RUN_S,
        "a count",
    )
    assert kept >= 1
    late = [
        str(message["Subject"]) for message in mailbox.messages if "should have ended by" in str(message["Subject"])
    ]
    assert len([subject for subject in late if told in subject]) == 1, late


def test_a_run_whose_pool_is_missing_fails_at_once_and_says_how_to_make_it(web, crowded, mailbox):
    run_id = web.trigger(crowded)
    assert web.finished(crowded, run_id) == "failed"
    note = web.get(f"dags/{crowded}/dagRuns/{run_id}")["note"]
    assert note == (
        "Airflow pool 'nobody-made-it' does not exist: no shard would ever start - "
        "airflow pools set nobody-made-it 16 'Shoal shards at work' --include-deferred"
    )
    mail = mailbox.wait_for(lambda subject: f"Run {run_id} of {crowded} failed" in subject).get_body().get_content()
    assert note in html.unescape(mail)


def test_a_pool_once_made_lets_the_run_go_on_which_plans_only(web, crowded, installation):
    made = installation.airflow(
        "import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-m', 'shoal', 'pools'], text=True))"
    )
    assert made == "pool nobody-made-it: made with 16 slots"
    assert web.get("pools/nobody-made-it")["include_deferred"] is True
    run_id = web.trigger(crowded, plan_only=True)
    assert web.finished(crowded, run_id) == "success"
    states = {task: state for (task, _), state in web.tasks(crowded, run_id).items()}
    assert (states["plan"], states["infer"], states["summarize"]) == ("success", "skipped", "skipped"), "it only plans"


def test_a_scheduler_that_ends_by_itself_is_started_again(web):
    [scheduler] = [child for child in web.process.children() if "scheduler" in child.cmdline()]
    left = scheduler.children(recursive=True)
    assert left, "executors and what they fork from"
    scheduler.kill()
    run_id = web.trigger(DEMO, plan_only=True, limit=1)
    assert web.finished(DEMO, run_id) == "success"
    assert not any(process.is_running() for process in (scheduler, *left))
