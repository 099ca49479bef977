"""Reviews: a number of a paper, and images by which anybody can test it, drawn by a design that is stored beforehand."""
