"""Files made of a summary's tables, one module a format; the report is one of them.

Enters: a summary's tables
Leaves: files, each in one stated order
May import: evidence, compare, answers, pictures, models, bucket, results, tables, capacity, settings, stores,
    written, contract
"""
