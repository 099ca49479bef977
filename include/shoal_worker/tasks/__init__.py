"""What was found in an image, one module a task: as a row holds it, and as people read it."""
