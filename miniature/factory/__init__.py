"""Makes the embedded weights from nothing: renders, recordings, training, export and checks.

It may import the whole pack; of the product nothing imports it. ``tools.evidence`` and ``benchmarks`` use its
generator.
"""
