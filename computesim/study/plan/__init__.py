"""Layouts and machines for a training job, and what its run takes."""
