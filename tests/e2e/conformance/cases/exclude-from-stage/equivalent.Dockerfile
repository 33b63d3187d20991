FROM base
RUN mkdir /out && echo 1 > /out/keep
