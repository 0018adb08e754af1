"""The only place where parts meet: adapters are found, put together, and kept going."""
