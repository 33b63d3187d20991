"""An archive from an address is not unpacked."""
import os
import tar_writer
tar_writer.sample().write(os.path.join(os.environ["CASE_SERVED"], "arch.tar"))
