"""How many identical workers fit now, by arithmetic alone, and what the kernel lets a process of this machine take.

Enters: plain nodes, pods, quotas, control groups
Leaves: `Capacity`: how many, and what binds
May import: settings, stores, written, contract
"""
