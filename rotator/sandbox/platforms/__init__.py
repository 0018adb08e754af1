"""Far sides of redeployers, played on loopback: one file per platform, and the front that they share."""
