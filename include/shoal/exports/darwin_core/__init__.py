"""A Darwin Core archive: what it holds, and the two documents that describe it."""
