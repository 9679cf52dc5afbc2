"""The inventory: what a person writes, and the only thing the repository is a function of."""
