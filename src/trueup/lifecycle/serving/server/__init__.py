"""The process that answers: sockets, routes, limits, draining."""
