FROM base
COPY Dockerfile script.sh /a/
COPY dir /a/dir
COPY script.sh /b/
RUN mkdir -p /b/dir/sub
COPY dir/c.txt /c/c.txt
COPY . /d/
RUN rm -r /d/dir/sub
