"""Web hooks: who elsewhere is told of changes of the registry. Read `outbox.py` first."""
