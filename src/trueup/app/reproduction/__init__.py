"""Making a run again from its record alone, and restoring what a model version was made of."""
