"""Words that both sides use: keys, columns, the worker's job, exit codes, errors.

Enters: -
Leaves: dataclasses, key names, errors
May import: -
"""
