"""A tar from an address as context."""
import os
from tar_writer import TarWriter
DOCKERFILE = b'FROM base\nARG SOURCE_DATE_EPOCH\nRUN echo "${SOURCE_DATE_EPOCH-unset}" > /inside\n'
TarWriter().add("Dockerfile", data=DOCKERFILE).write(os.path.join(os.environ["CASE_SERVED"], "context.tar"))
