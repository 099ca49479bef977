"""Ways to the bytes of an image other than from the store itself: a mount."""
