"""Routes by page: a page that joins later adds one file here and one entry to the navigation."""
