"""What a person may say, checked once: dataset files, the run form, the buckets they name.

Enters: YAML, a run's conf
Leaves: `Dataset`, `RunParams`, opened `Stores`
May import: stores, written, contract
"""
