"""What devices send, as people look at it: what is wrong where, and what the service would make of it."""
