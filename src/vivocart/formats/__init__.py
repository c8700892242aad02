"""SBML and Antimony, read into the symbolic system and written back; the settings of the semantic test suite."""
