"""ADD of files, folders and archives together."""
import tar_writer
tar_writer.sample().write("arch.tar")
