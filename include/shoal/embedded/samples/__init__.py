"""Photos, models and bad files that are made, not stored: with their truth."""
