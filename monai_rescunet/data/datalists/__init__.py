"""Datalists, their folds, and the datasets that load their entries."""
