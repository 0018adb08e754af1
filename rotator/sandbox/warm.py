"""Imported by the fork server before it forks: what an instance needs is loaded once, so it starts in milliseconds."""

from __future__ import annotations

from rotator.sandbox import consumer

#: boto3 reads megabytes of service descriptions for its first client; forks share what the session has read.
WARM = consumer.parameter_store()
