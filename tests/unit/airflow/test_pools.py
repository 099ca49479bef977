"""What `check` says of a pool that does not count deferred tasks mends that, and nothing else of the pool."""

import json
import os
import subprocess
import sys

PROGRAM = """
import json, shlex
from airflow import settings
settings.initialize()
from airflow.api.client import get_current_api_client
from airflow.cli.cli_parser import get_parser
from airflow.models import team
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from shoal.airflow.pools import check_pool
from shoal.contract.errors import ConfigError

team.Team.__table__.create(settings.engine)
Pool.__table__.create(settings.engine)
with create_session() as session:
    for name in ("marine lab", "default_pool"):
        session.add(Pool(pool=name, slots=40, description="it's the lab's", include_deferred=False))

def said(name):
    try:
        return check_pool(name)
    except ConfigError as err:
        return str(err)

told = {name: said(name) for name in ("default_pool", "marine lab")}
arguments = get_parser().parse_args(shlex.split(told["marine lab"].split(" - ", 1)[1])[1:])
get_current_api_client().create_pool(
    name=arguments.pool, slots=arguments.slots, description=arguments.description,
    include_deferred=arguments.include_deferred, team_name=arguments.team_name,
)
with create_session() as session:
    mended = session.query(Pool).filter_by(pool="marine lab").one()
    print(json.dumps({**told, "pool": [mended.slots, mended.description, mended.include_deferred], "then": said("marine lab")}))
"""


def test_a_pool_that_is_mended_as_told_keeps_its_slots_and_its_description(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        },
        text=True,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["pool"] == [40, "it's the lab's", True]
    assert told["then"] == "40 shards at once in 'marine lab', over all runs of all datasets that name it"
    assert "airflow pools set" not in told["default_pool"]
    assert "write another name into run.pool" in told["default_pool"]
