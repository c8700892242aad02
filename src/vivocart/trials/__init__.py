"""A study as data: arms, entry criteria, visits, rescue."""
