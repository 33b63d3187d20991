FROM base
RUN echo ok > /out
