"""Second copies of what the store holds, for those who cannot read the store: one file per kind of place."""
