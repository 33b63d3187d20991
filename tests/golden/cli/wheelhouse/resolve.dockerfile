FROM python:3.11-slim AS resolve
USER 0:0
SHELL ["/bin/sh", "-c"]
WORKDIR /
COPY <<'CROSSMILL_END_' /wheelhouse/0.txt
--extra-index-url https://h/simple
--no-binary alpha
alpha
CROSSMILL_END
CROSSMILL_END_
RUN python3.11 -m pip wheel --no-cache-dir --disable-pip-version-check --wheel-dir /wheelhouse/out -r /wheelhouse/0.txt
