"""Files as arrays: mammograms of every format, contours as masks, and regions of mammograms."""
