"""The nouns: values only. Nothing in here does I/O, reads a clock or imports another part of rotator."""
