"""Names of archives do not make one: the file is copied."""
import gzip
with open("plain.gz", "wb") as file:
    file.write(gzip.compress(b"only a compressed file\n", mtime=0))
