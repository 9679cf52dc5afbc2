"""What a change of the repository does to the objects of each cluster."""
