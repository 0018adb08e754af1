"""kill -9 on the real daemon, before and after each I/O of each phase, there and back; and a freeze between guard
and send of each effect."""
