"""Whether what a device says can be judged."""
