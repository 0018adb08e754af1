"""Contract suites and fakes, for our adapters and for those of others."""
