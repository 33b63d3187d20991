"""--unpack=true unpacks an archive from an address."""
import os
import tar_writer
tar_writer.sample().write("arch.tar")
tar_writer.sample().write(os.path.join(os.environ["CASE_SERVED"], "arch.tar"))
