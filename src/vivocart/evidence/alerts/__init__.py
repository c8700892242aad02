"""Saved searches that tell what is new and what changed: by e-mail, and as a feed."""
