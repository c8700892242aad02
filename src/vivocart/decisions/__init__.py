"""What to do with what the model says: therapies beside each other in the same virtual patients."""
