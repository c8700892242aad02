"""Search in the user's library with PubMed's query language."""
