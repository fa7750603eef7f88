"""Registered names that are taken over from MLflow, with the numbers of their versions."""
