FROM base AS made
RUN mkdir -p /m/sub && cd /m && echo other context > file.txt && echo deep > sub/deep.txt && echo '*.log' > .dockerignore
FROM scratch
COPY --from=made /m /
COPY a.txt /a
