FROM base
RUN printf '750 1000 2000\n755 0 0\n' > /out
