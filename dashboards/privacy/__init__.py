"""Who sees what of a person, and the trail of who saw it."""
