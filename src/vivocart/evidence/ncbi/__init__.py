"""NCBI's E-utilities, for those who want to ask PubMed itself; nothing else needs them."""
