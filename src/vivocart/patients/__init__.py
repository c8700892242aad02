"""Virtual patients: covariates, between-subject variability, entry criteria."""
