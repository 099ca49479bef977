"""What waits for something before tasks start that need it."""
