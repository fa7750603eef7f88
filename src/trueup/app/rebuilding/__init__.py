"""Making a model version again with something changed, for the checks that ask for it."""
