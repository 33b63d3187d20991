"""A compressed tar on standard input as context."""
import io, os, tarfile
work = os.environ["CASE_WORK"]
def make(path, mode):
    with tarfile.open(path, mode) as tar:
        def add(name, data=b"", **more):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(data), 1600000000, 0o640
            for key, value in more.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
        add("Dockerfile", b"FROM base\nCOPY . /all/\n")
        add("./file.txt", b"in the tar\n")
        add("dir", type=tarfile.DIRTYPE, mode=0o750)
        add("dir/link", type=tarfile.SYMTYPE, linkname="../file.txt")
        add("skip.log", b"log\n")
        add(".dockerignore", b"*.log\n")

make(os.path.join(work, "context.tar.gz"), "w:gz")
