"""Back ends, one file each, found by name. They see `foundation` and `ports` only."""
