"""Data that DVC keeps, taken over: read `layout.py` first, which knows DVC's files."""
