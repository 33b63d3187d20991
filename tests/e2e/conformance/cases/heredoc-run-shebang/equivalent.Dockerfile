FROM base
RUN echo "by awk" > /out
