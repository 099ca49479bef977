"""Object stores behind one protocol, for the orchestrator and for the worker.

Enters: `StoreAccess`, bucket, keys
Leaves: listings, bytes, JSON, and errors that say the way out
May import: contract
"""
