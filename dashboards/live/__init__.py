"""How pages hear of what changed: news from the database, drawn once for all who see the same, packed once."""
