"""What is written of the masses of an image: the painted label map and the picture of the outlines."""
