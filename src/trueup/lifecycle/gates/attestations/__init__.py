"""Attestations: what a person says they tested by hand, signed, until a day."""
