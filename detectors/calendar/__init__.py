"""Days, hours and weeks of a household's own time."""
