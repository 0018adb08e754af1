"""The command line: one file a group of verbs. Data on standard output, messages on standard error."""
