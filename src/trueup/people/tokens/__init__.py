"""Tokens: secrets by which programs and browsers say who they act for."""
