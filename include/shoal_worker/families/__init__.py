"""From an image to a model's inputs and from its outputs to what was found, one module a family."""
