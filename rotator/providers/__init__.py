"""Adapters to sources, the services that accept or refuse a credential."""
