"""Sealers: where data keys come from. One file per place that keeps the master key."""
