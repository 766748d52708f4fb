"""What is drawn rather than told: columns, lanes, strips and maps as geometry; pure."""
