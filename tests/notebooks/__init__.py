"""Lessons as regression tests: how they run, what they find, and what form they have."""
