"""The page of a review: one file for a paper's supplement, which asks nobody for anything."""
