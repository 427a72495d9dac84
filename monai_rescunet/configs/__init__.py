"""What the bundle's configs need to know of themselves: their settings checked, what a training depends on."""
