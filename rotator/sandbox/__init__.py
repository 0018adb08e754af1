"""The embedded world: a real PostgreSQL, an AWS on loopback, and what else `make demo` and the tests run against.

It is the world and not the daemon, so it may start processes, sleep and look at the wall clock. Nothing here is
imported by the daemon, and nothing here is needed by a production installation.
"""
