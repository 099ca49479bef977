#!/bin/sh
# Builds the five images with the builder that is there: make images [REGISTRY=registry.example.org/team] [PUSH=1]
# What was pushed stands in .shoal/images.txt, a line each by its digest: that is what a cluster should be told to run.
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

# Push an image, and name it by what the registry has of it.
publish() {
  if [ "$builder" = docker ]; then
    docker push "$1"
    digest=$(docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" | grep -F "${1%:*}@" | head -n 1 | cut -d@ -f2)
  else
    "$builder" push --digestfile .shoal/digest "$1"
    digest=$(cat .shoal/digest)
  fi
  case $digest in
    sha256:*) echo "$1@$digest" >> .shoal/images.txt ;;
    *) echo "$builder does not tell the digest of $1 - ask the registry for it" >&2; exit 1 ;;
  esac
}

mkdir -p .shoal && rm -f .shoal/images.txt
for name in worker serve sidecar airflow minio; do
  image=${registry}shoal-$name:$version
  folder=$name target=""
  [ "$name" != serve ] || { folder=worker target="--target serve"; }  # two images of one Dockerfile
  # shellcheck disable=SC2046,SC2086 # several words
  "$builder" build $(bases "$folder") $target --file "docker/$folder/Dockerfile" --tag "$image" .
  [ -z "${PUSH:-}" ] || publish "$image"
  echo "built ${PUSH:+and pushed }$image"
done
