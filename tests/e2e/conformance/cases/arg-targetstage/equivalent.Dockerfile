FROM base
RUN echo "[second]" > /out
