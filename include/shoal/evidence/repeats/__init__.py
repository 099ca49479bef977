"""Things that stand in a camera's picture for days and pass for animals: found, judged by a person, and told."""
