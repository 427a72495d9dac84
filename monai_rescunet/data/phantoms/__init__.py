"""Made-up mammograms: crops of one mass, and whole collections in the formats of real ones."""
