"""Measurements, run by hand and by CI: nothing in here is a test or a gate, and nothing is shipped.

`python -m benchmarks` measures every figure that docs/explanation/costs.md lists. A group of figures is a module with
`measure(size)`, which yields them; how each was measured is said beside it, in one sentence.
"""
