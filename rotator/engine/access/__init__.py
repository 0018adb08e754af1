"""Who read what, and was that expected: findings from what a trail tells, by the rules that policies.yaml allows."""
