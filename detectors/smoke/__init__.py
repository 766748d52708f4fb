"""What `detectors.smoke_level` is made of."""
