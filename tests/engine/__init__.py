"""The engine's decisions and words: due chain, alerts, outbox, ownership, requests, census and scan."""
