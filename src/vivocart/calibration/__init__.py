"""Published observations, and what cohorts of their size show in the model."""
