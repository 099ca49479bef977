#!/bin/sh
# Writes the images of the pods to the folder from which k3s imports them: no registry is needed.
set -eu
ids=$(docker image inspect --format '{{.Id}}' "$@")
if [ "$ids" = "$(cat /images/saved 2>/dev/null)" ]; then
  exit 0
fi
docker save --output /images/saving "$@"
mv /images/saving /images/shoal.tar # k3s takes names that end so, and looks again when one changes
echo "$ids" > /images/saved
