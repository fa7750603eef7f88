"""Model cards and bills of materials: what is known about a version, from evidence alone."""
