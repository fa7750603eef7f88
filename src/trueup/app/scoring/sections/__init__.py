"""The rules of the rubric, one module per section: what gains each test its point."""
