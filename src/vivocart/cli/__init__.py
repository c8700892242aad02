"""The command line: one thin module a command, no science, nothing heavy at import."""
