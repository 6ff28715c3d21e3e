"""Tests, known answers and the bench of ``mineral_utils``."""
