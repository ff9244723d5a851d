"""The benchmark: eggproxy beside nginx and beside no proxy at all, as ratios in one run.

`python -m bench` runs all, `python -m bench page install` some, `--list` says which there are.
"""
