"""The verbs. Knows contracts and model, and nothing of AWS, SQL, HTTP or the wall clock."""
