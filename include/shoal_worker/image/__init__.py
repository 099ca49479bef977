"""From bytes to the model's input."""
