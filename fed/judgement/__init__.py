"""What a finished model is worth to those who would use it, from its predictions.

Everything here is computed from ``predictions.csv`` and what the configuration and the sites' cards
say, trains nothing, and changes no prediction.
"""
