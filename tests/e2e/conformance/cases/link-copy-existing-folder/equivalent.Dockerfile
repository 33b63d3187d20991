FROM base
COPY a.txt /new/
COPY dir /home
