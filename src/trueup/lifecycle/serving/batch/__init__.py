"""Predictions for whole tables: by chunk, resumable, exactly once."""
