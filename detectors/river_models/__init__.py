"""Any of River's models and drift detectors, by name and parameters."""
