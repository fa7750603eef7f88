"""Reproductions: a run made again from its record alone, and the verdict."""
