"""The paper's experiments: cross-validation of networks and supervisions, and what came out of it."""
