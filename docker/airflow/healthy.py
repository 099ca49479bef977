"""Health check of one Airflow process: `python healthy.py COMPONENT`, exit status 0 when its heartbeat is fresh.

Asks the API server, which knows every heartbeat. `airflow jobs check` knows them too, and takes seconds of CPU to say so.
"""

import json
import os
import sys
import urllib.request

server = os.environ.get("SHOAL_HEALTH_URL", "http://airflow-api-server:8080")
with urllib.request.urlopen(f"{server}/api/v2/monitor/health", timeout=5) as reply:  # noqa: S310 - our own server
    status = (json.load(reply)[sys.argv[1]] or {}).get("status")
sys.exit(0 if status == "healthy" else f"{sys.argv[1]}: {status}")
