"""Remote secrets: made from what the remote cluster gives, delivered, rotated, listed."""
