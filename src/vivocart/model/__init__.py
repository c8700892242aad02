"""The therapy as text: Antimony fragments, the tables of numbers and observables, and how they are loaded and checked."""
