"""What `detectors.area_incidents` is made of: who belongs where, what was heard, what is beyond chance."""
