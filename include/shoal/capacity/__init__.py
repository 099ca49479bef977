"""How many identical workers fit now: pure arithmetic.

Enters: plain nodes, pods, quotas
Leaves: `Capacity`: how many, and what binds
May import: settings, stores, contract
"""
