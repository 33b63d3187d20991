FROM base
RUN mkdir /sub-all && cd /sub-all && echo inner > inner.txt && printf 'FROM base\nCOPY . /sub-all\n' > Dockerfile
