"""The explorer and its REST API: pages and routes, no science."""
