#!/bin/sh
# Installs Debian's PostgreSQL for the tests, which start one of their own, without the server that would start with the machine.
set -eu
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0
settings=/etc/postgresql-common/createcluster.conf
mkdir -p "$(dirname "$settings")"
if [ ! -e "$settings" ]; then
  echo "create_main_cluster = false" > "$settings"
  trap 'rm -f "$settings"' EXIT
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql
