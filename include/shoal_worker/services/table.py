"""The kinds of service: a module each, and a line here."""

from collections.abc import Callable, Mapping

from shoal.contract.service import DEEPAAS, OSCAR, Service
from shoal_worker.services.asking import Kind
from shoal_worker.services.deepaas import Deepaas
from shoal_worker.services.oscar import Oscar

KINDS: Mapping[str, Callable[[Service], Kind]] = {DEEPAAS: Deepaas, OSCAR: Oscar}
