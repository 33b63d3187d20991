FROM base
COPY a.txt /a
COPY sub /sub
