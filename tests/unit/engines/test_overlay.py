"""A dataset's pod template under what Shoal needs: it adds, and takes nothing away."""

from shoal.engines.kubernetes.overlay import overlay


def test_named_things_are_laid_over_by_name():
    base = [{"name": "a", "image": "one"}, {"name": "b"}]
    assert overlay(base, [{"name": "a", "command": ["x"]}]) == [
        {"name": "a", "image": "one", "command": ["x"]}, {"name": "b"},
    ]  # fmt: skip


def test_one_volume_mounted_at_two_places_keeps_both():
    base = [{"name": "data", "mountPath": "/a"}, {"name": "data", "mountPath": "/b"}]
    assert overlay(base, [{"name": "scratch", "mountPath": "/scratch"}]) == [
        *base,
        {"name": "scratch", "mountPath": "/scratch"},
    ]


def test_a_mount_of_shoal_s_own_place_is_shoal_s():
    assert overlay([{"name": "mine", "mountPath": "/scratch"}], [{"name": "scratch", "mountPath": "/scratch"}]) == [
        {"name": "scratch", "mountPath": "/scratch"}
    ]
