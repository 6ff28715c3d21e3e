"""Tests that drive a browser: ``make test-ui``."""
