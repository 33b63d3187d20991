FROM base
RUN mkdir -p /w/in && echo kept > /w/kept
COPY a.txt /w/in/
