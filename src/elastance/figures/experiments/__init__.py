"""Figures of papers as experiments: compute the numbers anew, say which claims hold, draw what was found."""
