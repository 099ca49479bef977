"""Pictures people look at: boxes drawn on images that are decoded in bounded processes, contact sheets.

Enters: keys, versions and boxes
Leaves: JPEGs, or why there is none
May import: models, bucket, results, tables, capacity, settings, stores, written, contract
"""
