"""Tests of the example project: its Redis starter, its demo command and its views, all as real processes."""
