"""Four daemons on one PostgreSQL journal, and a nemesis: make chaos."""
