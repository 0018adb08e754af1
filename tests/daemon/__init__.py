"""The real daemon process on a small real world, on good days and bad ones."""
