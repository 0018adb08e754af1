"""Adapters to what tells who called what: CloudTrail, by several ways."""
