"""Files for other programs: one file an engine."""
