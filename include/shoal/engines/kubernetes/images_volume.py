"""The volume that holds a folder of images for a pod: read by the worker, written to by nobody."""

from shoal.engines.kubernetes.overlay import Manifest
from shoal.settings.source import Volume
from shoal.stores.folder_access import IN_PODS

IMAGES_VOLUME = "images"


def images_volume(volume: Volume) -> Manifest:
    """Make the volume of a pod: read-only also for the kubelet, which would else give all files the pod's group (fsGroup)."""
    if volume.nfs is not None:
        nfs = {"server": volume.nfs.server, "path": volume.nfs.path, "readOnly": True}
        return {"name": IMAGES_VOLUME, "nfs": nfs}
    return {"name": IMAGES_VOLUME, "persistentVolumeClaim": {"claimName": volume.claim, "readOnly": True}}


def images_mount(volume: Volume) -> Manifest:
    """Say where the worker finds it."""
    at: Manifest = {"name": IMAGES_VOLUME, "mountPath": IN_PODS, "readOnly": True}
    return {**at, "subPath": volume.sub_path.rstrip("/")} if volume.sub_path else at
