"""rotator keeps every credential of a company young, and nobody notices."""
