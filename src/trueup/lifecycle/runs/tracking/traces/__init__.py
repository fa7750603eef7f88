"""Traces: what one call of a program did, span by span, and what people say about it."""
