"""What is wrong with a camera, as the tables of an answer tell it: lens, lamps, place, picture, clock, and scores that fall."""
