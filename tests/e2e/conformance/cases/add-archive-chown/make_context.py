"""ADD --chown of an archive."""
import gzip, bz2, lzma, io, os, tarfile
def archive(name, kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        def add(path, data=b"", type=tarfile.REGTYPE, mode=0o640, uid=12, gid=34, link=""):
            info = tarfile.TarInfo(path)
            info.size, info.type, info.mode, info.uid, info.gid, info.linkname, info.mtime = len(data), type, mode, uid, gid, link, 1600000000
            tar.addfile(info, io.BytesIO(data))
        add("top", b"top\n")
        add("folder", type=tarfile.DIRTYPE, mode=0o2750)
        add("folder/inner", b"inner\n", mode=0o4755)
        add("link", type=tarfile.SYMTYPE, link="folder/inner")
        add("hard", type=tarfile.LNKTYPE, link="top")
    data = out.getvalue()
    compress = {"tar": lambda d: d, "gz": lambda d: gzip.compress(d, mtime=0), "bz2": bz2.compress, "xz": lzma.compress}[kind]
    with open(name, "wb") as file:
        file.write(compress(data))

archive("a.tar", "tar")
