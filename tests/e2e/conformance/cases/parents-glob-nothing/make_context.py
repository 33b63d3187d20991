"""Folders with modes and owners of their own."""
import os
os.chmod("one", 0o711)
os.chmod("two", 0o750)
os.chmod("two/deep", 0o700)
os.chown("two", 5, 6)
