"""Tests that drive a real Chromium on the example project."""
