"""Schemas: what the rows of a dataset must look like, in a file that people read and edit."""
