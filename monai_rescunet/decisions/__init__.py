"""From M to answers: thresholds, the probability's calibration, and the figures that judge them."""
