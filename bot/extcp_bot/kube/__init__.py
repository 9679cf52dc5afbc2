"""Asking API servers that may be dead, slow, huge or lying, at no cost to anybody else."""
