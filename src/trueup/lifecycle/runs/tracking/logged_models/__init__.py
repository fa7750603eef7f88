"""Logged models: what a client's training code saved, before anybody registers it as a version."""
