"""What is written to people, in their language, for what is stored as codes."""
