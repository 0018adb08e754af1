"""Platforms that run what reads secrets: one file per redeployer, and what it needs in files that bear its name."""
