"""How an exit is judged, of a process and of a pod alike: what it says, and whether an image is to blame."""

import re
import signal

import pytest

from shoal.contract.errors import ConfigError, WorkerCrashError, WorkerError
from shoal.contract.exit_codes import WorkerExit
from shoal.engines.verdict import judge

KEPT = "rows up to the last part are kept, the next attempt takes the rest"


def test_a_worker_that_did_its_shard_has_no_failure():
    assert judge("shard 0", WorkerExit.DONE, last_line="all done") is None


def test_what_a_worker_says_of_itself_counts_where_something_beside_it_ran_out_of_memory():
    assert judge("pod p", WorkerExit.DONE, oom="raise cluster.pod.memory") is None
    failure = judge("pod p", WorkerExit.CONFIG, oom="raise cluster.pod.memory", last_line="no model")
    assert (type(failure), str(failure)) == (ConfigError, "Pod p: no model")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE])
def test_a_process_that_ends_itself_by_a_signal_has_crashed(number):
    failure = judge("shard 0", -number, signalled=number, last_line="said")
    with pytest.raises(
        WorkerCrashError, match=rf"killed by {number.name} \(last line: said\) - rows up to the last part"
    ):
        raise failure


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_was_ended_from_outside_has_not(number):
    failure = judge("shard 0", -number, signalled=number)
    assert type(failure) is WorkerError
    assert str(failure) == f"Worker of shard 0 was killed by {number.name} - {KEPT}"


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        pytest.param(
            judge("shard 3", WorkerExit.CONFIG, last_line="no model"),
            ConfigError,
            "Shard 3: no model",
            id="configuration",
        ),
        pytest.param(
            judge("pod p", WorkerExit.TOO_MANY_FAILED, last_line="60 of 100 failed"),
            ConfigError,
            "Pod p: 60 of 100 failed",
            id="too many failed",
        ),
        pytest.param(
            judge("pod p", WorkerExit.INFRASTRUCTURE, last_line="no answer"),
            WorkerError,
            "Worker of pod p ended with exit code 69: no answer",
            id="store down",
        ),
        pytest.param(
            judge("pod p", 137, signalled=9),
            WorkerError,
            f"Worker of pod p was killed by signal 9 - {KEPT}",
            id="a signal by number alone",
        ),
        pytest.param(
            judge("shard 0", -9, signalled=signal.SIGKILL, oom="lower cluster.share"),
            WorkerCrashError,
            f"Worker of shard 0 ran out of memory - lower cluster.share; {KEPT}",
            id="out of memory, which is said by SIGKILL too",
        ),
    ],
)
def test_an_exit_says_what_it_means(failure, kind, message):
    assert type(failure) is kind
    with pytest.raises(kind, match=re.escape(message)):
        raise failure


def test_a_worker_that_gave_up_on_an_image_has_crashed_and_says_how():
    line = "Decoding took more than 330 s of CPU: 'a: b.jpg' (4,742 bytes) - the next attempt tries it alone"
    failure = judge("pod p", WorkerExit.HELD, last_line=line)
    assert isinstance(failure, WorkerCrashError)
    assert str(failure) == f"Worker of pod p gave up: {line}; {KEPT}"
    assert failure.cause == "Decoding took more than 330 s of CPU"


def test_a_crash_has_the_same_cause_wherever_it_was():
    process = judge("shard 0", -11, signalled=signal.SIGSEGV)
    assert process.cause == judge("pod p", 139, signalled=11).cause == "killed by SIGSEGV"
    assert judge("pod p", 137, oom="raise cluster.pod.memory").cause == "out of memory"
