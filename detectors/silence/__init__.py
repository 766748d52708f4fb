"""What `detectors.inactivity` is made of: quarters of an hour, pauses, hazards, habits, evidence."""
