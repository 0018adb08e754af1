"""The promises between the engine and the outside: one Protocol a file. Each promise has a test with the same words."""
