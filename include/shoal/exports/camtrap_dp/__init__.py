"""A Camtrap DP: what was seen, by image and by event, and the document that describes it."""
