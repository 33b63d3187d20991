FROM base
COPY a.txt /1
COPY dir /tree
COPY script.sh /3
RUN chmod u+x,go-r /1 && cd /tree && chmod -R a=rX * && chmod go-rwx /3
