"""Channels: the ways in which rotator reaches people."""
