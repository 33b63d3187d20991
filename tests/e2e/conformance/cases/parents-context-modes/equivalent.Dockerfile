FROM base
RUN mkdir -p /t/a/b && echo f > /t/a/b/file && chmod 600 /t/a/b/file && chmod 711 /t/a/b && chmod 750 /t/a
