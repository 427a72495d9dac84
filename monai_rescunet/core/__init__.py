"""What every room shares: the classes, the error of bad input, files written whole, the place of the bundle."""
