"""Evaluations: how right a model is on the images that people labelled, and which of two versions is better, and where."""
