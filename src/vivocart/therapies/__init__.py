"""Products as data, and the regimen: what is given, how much, how often."""
