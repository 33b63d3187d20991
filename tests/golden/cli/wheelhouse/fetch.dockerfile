FROM python:3.11-slim AS fetch
USER 0:0
SHELL ["/bin/sh", "-c"]
WORKDIR /
RUN python3.11 -m pip download --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: --dest /wheelhouse/out --extra-index-url 'https://h/simple' 'ready==1.0'
FROM scratch
COPY --from=fetch /wheelhouse/out/ /
