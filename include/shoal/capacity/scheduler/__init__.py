"""The kube-scheduler's rules on plain values: what one pod needs, which nodes take it, and how many of it.

Everything here is pure: objects of the Kubernetes API as parsed JSON in, frozen dataclasses out. The arithmetic and the
order of the filters are those of Kubernetes 1.34; `tests/stories/scheduler/test_real_scheduler.py` compares them with the
real scheduler on random clusters.
"""
