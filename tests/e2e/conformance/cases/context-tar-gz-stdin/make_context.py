"""A compressed tar on standard input as context."""
import os
import tar_writer
tar_writer.context().write(os.path.join(os.environ["CASE_WORK"], "context.tar.gz"), "gz")
