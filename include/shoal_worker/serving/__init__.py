"""`serve`: what the worker says of one image, at once and over HTTP; the model is in a process of its own."""
