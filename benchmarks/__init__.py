"""Measurements, run by hand: nothing in here is a test, and nothing is shipped."""
