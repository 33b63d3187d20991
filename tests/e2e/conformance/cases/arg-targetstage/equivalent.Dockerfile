FROM base AS second
RUN echo "[second]" > /out
