"""A system of equations becomes machine code that integrates many patients at once. Knows no biology."""
