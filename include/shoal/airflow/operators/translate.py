"""How Shoal's errors become Airflow's: said in one line, and retried only where that can help."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from shoal.airflow.operators.causes import keep_cause
from shoal.contract.errors import ConfigError, ContractError, ShoalError

log = logging.getLogger(__name__)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Log an error's one line; turn those a retry cannot mend into AirflowFailException, let the others be retried."""
    try:
        yield
    except (ConfigError, ContractError) as err:
        log.error("%s", err)  # noqa: TRY400 - Airflow logs the traceback below this line
        keep_cause(err)
        raise AirflowFailException(str(err)) from err
    except ShoalError as err:
        log.error("%s", err)  # noqa: TRY400
        keep_cause(err)
        raise
