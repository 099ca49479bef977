"""What people write by hand as YAML, measured before anything is made of it; for the orchestrator and for the worker.

Enters: bytes of a YAML file, the folder of a model file
Leaves: plain values, a `Card`, a model's `Graph` with what lies beside it
May import: contract
"""
