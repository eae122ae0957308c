"""The embedded default: small weights that the project trained on its own images, and the functions that load them.

Nodes, tools and the command line import this package. It imports ``models`` and ``scoring`` at most, and never
``miniature.factory``, which makes the weights.
"""
