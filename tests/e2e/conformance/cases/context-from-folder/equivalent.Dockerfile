FROM scratch
COPY a.txt /file.txt
COPY a.txt /sub/deep.txt
COPY a.txt /a
COPY a.txt /.dockerignore
