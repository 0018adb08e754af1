"""Trails: what tells who called what."""
