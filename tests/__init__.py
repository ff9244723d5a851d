"""Tests of eggproxy."""
