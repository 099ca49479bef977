"""The image bucket as one run sees it: listed, frozen, compared with what was known of it.

Enters: the source bucket, a scope
Leaves: `listings/<run_key>.json` and the files by month, drift, silent cameras
May import: tables, capacity, settings, stores, written, contract
"""
