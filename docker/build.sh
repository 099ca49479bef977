#!/bin/sh
# Builds the four images with the builder that is there: make images [REGISTRY=registry.example.org/team] [PUSH=1]
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
registry=${REGISTRY:+${REGISTRY%/}/}

if [ -n "${PUSH:-}" ] && [ -z "$registry" ]; then
  echo "PUSH=1 without a registry - say where to: make images REGISTRY=registry.example.org/team PUSH=1" >&2
  exit 2
fi

builder=""
problem="no docker, podman or buildah found"
for candidate in docker podman buildah; do
  command -v "$candidate" >/dev/null || continue
  if complaint=$("$candidate" info 2>&1); then
    builder=$candidate
    break
  fi
  problem="$candidate cannot be used: $(echo "$complaint" | tail -n 1)"
done
if [ -z "$builder" ]; then
  echo "Images cannot be built: $problem - install docker, podman or buildah, or start its service" >&2
  exit 2
fi

# A registry that stands in for the public one has the same tags with other digests: SHOAL_BASES_BY_TAG=1.
bases() {
  [ -z "${SHOAL_BASES_BY_TAG:-}" ] ||
    sed -n 's/^ARG \([A-Z_]*BASE\)=\([^@]*\)@sha256:.*$/--build-arg \1=\2/p' "docker/$1/Dockerfile"
}

for name in worker sidecar airflow minio; do
  image=${registry}shoal-$name:$version
  # shellcheck disable=SC2046 # several words
  "$builder" build $(bases "$name") --file "docker/$name/Dockerfile" --tag "$image" .
  [ -z "${PUSH:-}" ] || "$builder" push "$image"
  echo "built ${PUSH:+and pushed }$image"
done
