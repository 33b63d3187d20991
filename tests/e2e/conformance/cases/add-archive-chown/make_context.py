"""ADD --chown of an archive."""
import tar_writer
tar_writer.sample().write("a.tar")
