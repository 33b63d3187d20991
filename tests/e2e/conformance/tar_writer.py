"""Tars with all that a header can say: layers of the bases, and the archives of the cases."""
import bz2
import gzip
import io
import lzma
import pathlib
import tarfile

# Of every entry.
TIME = 1700000000
COMPRESS = {"": bytes, "gz": lambda data: gzip.compress(data, mtime=0), "bz2": bz2.compress, "xz": lzma.compress}


class TarWriter:
    def __init__(self):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, mode=0o644, data=b"", link="", owner=(0, 0), xattrs=None):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.mtime, info.linkname, info.size = kind, mode, TIME, link, len(data)
        info.uid, info.gid = owner
        for key, value in (xattrs or {}).items():
            info.pax_headers["SCHILY.xattr." + key] = value.decode("utf-8", "surrogateescape")
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def folder(self, name, mode=0o755, owner=(0, 0)):
        return self.add(name, tarfile.DIRTYPE, mode, owner=owner)

    def link(self, name, target, owner=(0, 0)):
        return self.add(name, tarfile.SYMTYPE, 0o777, link=target, owner=owner)

    def hard(self, name, target, mode=0o644, owner=(0, 0)):
        return self.add(name, tarfile.LNKTYPE, mode, link=target, owner=owner)

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()

    def write(self, path, compression=""):
        """Under a name that need not say the compression."""
        pathlib.Path(path).write_bytes(COMPRESS[compression](self.bytes()))


def sample():
    """An archive with one of each kind, none owned by root."""
    owner = (12, 34)
    return (TarWriter().add("top", mode=0o640, data=b"top\n", owner=owner).folder("folder", 0o2750, owner)
            .add("folder/inner", mode=0o4755, data=b"inner\n", owner=owner).link("link", "folder/inner", owner)
            .hard("hard", "top", 0o640, owner))


def context():
    """A context as an archive, with an ignore file."""
    return (TarWriter().add("Dockerfile", mode=0o640, data=b"FROM base\nCOPY . /all/\n")
            .add("./file.txt", mode=0o640, data=b"in the tar\n").folder("dir", 0o750).link("dir/link", "../file.txt")
            .add("skip.log", mode=0o640, data=b"log\n").add(".dockerignore", mode=0o640, data=b"*.log\n"))
