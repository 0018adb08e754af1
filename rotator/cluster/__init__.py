"""A Kubernetes cluster's API server: one way to ask it, and one way to say what went wrong.

A mirror and a redeployer never see each other; what they share about Kubernetes is here, below them both.
"""
