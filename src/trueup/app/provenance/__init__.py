"""From anything to its causes and its effects: `trueup why`, lineage, OpenLineage."""
