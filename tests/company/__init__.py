"""A small company as the rigs play it: secrets, the consumers that live by them, and the policy that names them."""
