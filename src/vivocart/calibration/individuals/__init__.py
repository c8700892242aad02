"""Fits of individual patients' data: what varies between patients, how, and how sure that is."""
