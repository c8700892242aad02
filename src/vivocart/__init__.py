"""In vivo CAR-T, in silico: from LNP dose to lupus remission, in virtual patients. For research, not for treating anyone."""
