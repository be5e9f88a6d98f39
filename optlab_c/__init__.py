"""Compiled cores of optlab: no policy, no text for users. See `optlab`."""
