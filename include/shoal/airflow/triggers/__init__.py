"""What the triggerer waits for, so that no task slot is held meanwhile."""
