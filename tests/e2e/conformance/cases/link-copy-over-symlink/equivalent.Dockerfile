FROM with-symlinks
RUN rm /app /relative && mkdir /app
COPY a.txt /app/a.txt
COPY dir /relative
