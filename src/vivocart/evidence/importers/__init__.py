"""Readers of bibliographic files: CSL-JSON, PubMed XML, MEDLINE (.nbib) and RIS, each into records."""
