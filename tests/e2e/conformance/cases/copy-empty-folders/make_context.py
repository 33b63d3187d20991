"""Empty folders and files are copied."""
import os
os.makedirs("tree/hollow/deeper")
os.makedirs("tree/.hidden")
