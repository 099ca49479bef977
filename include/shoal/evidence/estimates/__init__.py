"""Estimates: what a sample that people labelled says of an answer's counts."""
