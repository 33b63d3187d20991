FROM base
COPY star[*] /one.txt
COPY what[?] /two.txt
