"""Two answers on the same images: how far they agree, which says nothing of how right either is.

Enters: views of two runs' answers
Leaves: `Agreement`, `Comparison`
May import: answers, pictures, models, bucket, results, tables, capacity, settings, stores, written, contract
"""
