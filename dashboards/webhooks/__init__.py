"""What providers tell us: addresses without a login, where the signature on each request is what lets it in."""
