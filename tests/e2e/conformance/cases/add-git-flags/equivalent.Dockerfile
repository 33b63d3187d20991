FROM base
RUN mkdir /sub && echo inner > /sub/inner.txt && printf 'FROM base\nCOPY . /sub-all\n' > /sub/Dockerfile && chown -R 5:6 /sub
