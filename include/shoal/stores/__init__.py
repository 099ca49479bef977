"""Object stores behind one protocol, for the orchestrator and for the worker.

Enters: an `Access` (a connection, a worker's environment), bucket, keys
Leaves: an `ObjectStore`: listings, bytes, JSON, and errors that say the way out
May import: contract
"""
