"""ADD --unpack=false leaves an archive as it is."""
import tar_writer
tar_writer.sample().write("a.tar")
