"""The clock of Airflow's scheduler is stepped: the nights of a dataset's schedule, as the scheduler asks its timetable for them."""

from datetime import UTC, datetime, timedelta

import pendulum
import pytest
from airflow.timetables import trigger
from airflow.timetables.base import DataInterval, TimeRestriction
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.airflow.monthly_windows import MonthlyWindows

BEGIN = pendulum.datetime(2026, 6, 1, 12, tz="UTC")
NIGHT = timedelta(days=1)
MINUTES = st.sampled_from([20, -20]).map(lambda minutes: timedelta(minutes=minutes))


class Scheduler:
    """Creates runs as Airflow does: one when its moment has come, and then it asks for the moment of the next."""

    def __init__(self, monkeypatch):
        self.timetable = trigger.CronTriggerTimetable("0 2 * * *", timezone="UTC")
        self.now, self.runs = BEGIN, []
        monkeypatch.setattr(trigger, "utcnow", lambda: self.now)
        self.parse()

    def parse(self):
        """Ask for the next night, as after each run and at each parse of the DAG."""
        last = DataInterval(self.runs[-1], self.runs[-1]) if self.runs else None
        found = self.timetable.next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
        )
        self.next = found.run_after

    def look(self, clock):
        """What the scheduler does all the time."""
        self.now = pendulum.instance(clock)
        if self.next <= self.now:
            self.runs.append(self.next)
            self.parse()


def nights(runs):
    return [run.date().isoformat() for run in runs]


@pytest.fixture
def patched():
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


@settings(max_examples=50)
@given(st.lists(MINUTES, min_size=60, max_size=60), st.booleans())
def test_steps_of_twenty_minutes_double_no_night_and_lose_none(steps, parses):
    """Also about the moment of a night itself, again and again."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        scheduler = Scheduler(monkeypatch)
        for number, step in enumerate(steps):
            scheduler.look(BEGIN + number * timedelta(hours=2) + step)
            if parses:
                scheduler.parse()
        scheduler.look(BEGIN + timedelta(days=5, minutes=30))
    expected = [f"2026-06-0{day}" for day in range(2, 7)]
    assert nights(scheduler.runs) == expected


def test_a_step_ahead_starts_the_night_it_comes_to_and_none_of_those_between(patched):
    scheduler = Scheduler(patched)
    for clock in (BEGIN + NIGHT, BEGIN + timedelta(days=366), BEGIN + timedelta(days=366, minutes=1)):
        scheduler.look(clock)
        scheduler.look(clock)
    assert len(nights(scheduler.runs)) == len({*nights(scheduler.runs)}) <= 3
    assert scheduler.runs[0] == datetime(2026, 6, 2, 2, tzinfo=UTC)


def test_a_clock_that_was_a_year_ahead_and_is_set_right_has_no_night_before_that_year_is_over(patched):
    """Airflow goes on from the last run of a schedule. Deleting the runs of that year lets the nights begin again."""
    scheduler = Scheduler(patched)
    for clock in (BEGIN + NIGHT, BEGIN + timedelta(days=366), BEGIN + timedelta(days=366, hours=1)):
        scheduler.look(clock)
    before = [*scheduler.runs]
    for day in range(2, 30):
        scheduler.look(BEGIN + day * NIGHT)
        scheduler.parse()
    assert scheduler.runs == before, "no night is doubled"
    scheduler.runs = [run for run in scheduler.runs if run < BEGIN + 2 * NIGHT]
    scheduler.parse()
    for day in (30, 30, 31):
        scheduler.look(BEGIN + day * NIGHT)
    assert nights(scheduler.runs[-3:]) == ["2026-06-30", "2026-07-01", "2026-07-02"]


def test_a_clock_that_goes_back_a_year_starts_nothing_until_it_is_set_right(patched):
    scheduler = Scheduler(patched)
    scheduler.look(BEGIN + NIGHT)
    for day in range(10):
        scheduler.look(BEGIN - timedelta(days=366 - day))
        scheduler.parse()
    assert nights(scheduler.runs) == ["2026-06-02"]
    scheduler.look(BEGIN + 2 * NIGHT)
    assert nights(scheduler.runs) == ["2026-06-02", "2026-06-03"]


@pytest.mark.parametrize(
    "step", [timedelta(days=366), -timedelta(days=366), timedelta()], ids=["ahead", "back", "right"]
)
def test_no_clock_starts_a_backfill_by_itself(monkeypatch, step):
    monkeypatch.setattr("airflow.timetables._cron.utcnow", lambda: BEGIN + step, raising=False)
    last = DataInterval(BEGIN, BEGIN)
    for known in (None, last):
        restriction = TimeRestriction(earliest=None, latest=None, catchup=False)
        assert MonthlyWindows().next_dagrun_info(last_automated_data_interval=known, restriction=restriction) is None
