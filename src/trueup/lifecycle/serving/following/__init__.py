"""Keeps a server at what is released: load aside, prove, swap."""
