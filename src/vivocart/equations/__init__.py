"""The symbolic system: states, rates, assignments, events. No file is read and no number is solved here."""
