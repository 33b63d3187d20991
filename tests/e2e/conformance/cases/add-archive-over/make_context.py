"""An archive unpacked over what is there."""
import tar_writer
tar_writer.sample().write("a.tar")
