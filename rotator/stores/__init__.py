"""Stores: where consumers read. One file per store."""
