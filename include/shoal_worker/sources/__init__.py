"""How a worker gets the bytes of an image: one module a way."""
