"""The evidence of releases that are tried out, folded from the prediction journal."""
