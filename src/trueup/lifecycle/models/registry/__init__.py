"""Registered names: what clients of other tools see of models, whoever made their versions."""
