"""Benchmarks, a file a question: see asv.conf.json, and show.py for ratios in one run."""
