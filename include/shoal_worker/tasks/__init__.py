"""From the model's output to what was found."""
