"""Model, regimen and patients become trajectories. The one room that opens the engine."""
