"""Times of the context."""
import os
for name in ("a", "d/f"):
    os.utime(name, (1500000000, 1500000000))
os.utime("Dockerfile", (1400000000, 1400000000))
