"""Far sides of adapters: servers on loopback that behave as the vendor's documentation says, in bad weather."""
