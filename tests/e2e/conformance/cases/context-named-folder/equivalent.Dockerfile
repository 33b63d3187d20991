FROM base
RUN mkdir -p /all/sub && echo other context > /all/file.txt && echo deep > /all/sub/deep.txt && echo '*.log' > /all/.dockerignore && echo deep > /deep
COPY a.txt /a
