"""Several processes that answer on one port, and what keeps them one server."""
