"""Calibration scripts, outside the wheel: they write tables that the package ships."""
