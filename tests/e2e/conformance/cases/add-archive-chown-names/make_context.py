"""An archive."""
import tar_writer
tar_writer.sample().write("a.tar.gz", "gz")
