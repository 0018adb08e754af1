"""The real engine in hostile worlds on virtual time; `python -m tests.simulation --runs N`."""
