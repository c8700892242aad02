"""What every room stands on: errors, units, tables, random streams, provenance. A closed list."""
