"""Improvement: a breach becomes a proposal, a proposal a candidate, a candidate a better model."""
