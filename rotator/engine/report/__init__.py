"""What anybody who looks is told of secrets, each fact once: for the command line, the status page and its JSON."""

#: Version of JSON's shape, wherever it is told: raised when a key changes its meaning or goes away.
SCHEMA_VERSION = 1
