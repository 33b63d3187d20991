FROM base
COPY a.txt /3
COPY script.sh /4
COPY dir /tree
RUN chmod 4711 /3 && chmod 2755 /4 && chmod -R 1777 /tree/*
