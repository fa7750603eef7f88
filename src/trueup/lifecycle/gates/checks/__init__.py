"""The checks, one file per family. Each is a function from `Evidence` to results."""
