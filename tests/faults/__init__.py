"""The fault laboratory: everything that can go wrong, done to eggproxy, and what came of it."""
