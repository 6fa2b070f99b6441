"""Predictions beside published measurements, and kernels beside their twins."""
