"""What people look at: figures, and the report as one file."""
