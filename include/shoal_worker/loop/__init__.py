"""The loop over a shard: what goes where, and when it ends."""
