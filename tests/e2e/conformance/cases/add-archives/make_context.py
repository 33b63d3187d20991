"""ADD unpacks tar, gz, bz2 and xz by content, not by name."""
import tar_writer
tar_writer.sample().write("a.bin")
tar_writer.sample().write("b.txt", "gz")
tar_writer.sample().write("c.tar.bz2", "bz2")
tar_writer.sample().write("d", "xz")
