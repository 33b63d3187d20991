FROM base
RUN mkdir -p /t/out/x/y /u/x/y && echo 1 > /t/out/x/y/1 && echo 1 > /u/x/y/1 && chmod 750 /t/out/x /u/x && chown 7:8 /t/out/x/y /u/x/y
