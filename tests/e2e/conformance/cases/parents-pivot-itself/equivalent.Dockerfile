FROM base
RUN mkdir -p /t/x && echo 1 > /t/x/1 && echo 2 > /t/2
