"""`make demo`: 200 days of Taly in under three minutes, on real parts, with bad weather and two accidents."""
