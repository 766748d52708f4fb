"""What the API shows and takes, as documented shapes: a file for each matter."""
