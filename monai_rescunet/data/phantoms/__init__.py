"""Made-up mammograms: crops, whole views, and the layouts of the collections."""
