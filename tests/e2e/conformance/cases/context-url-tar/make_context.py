"""A tar from an address as context."""
import os
import tar_writer
tar_writer.context().write(os.path.join(os.environ["CASE_SERVED"], "context.tar"))
