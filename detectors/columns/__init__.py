"""Where detectors remember: one row for each sensor or household, and the rows of a batch as they are handed on."""
