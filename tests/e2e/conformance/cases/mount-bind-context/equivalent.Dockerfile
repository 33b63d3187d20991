FROM base
RUN mkdir -p /copied/sub && printf 'a\nc\n' > /out && echo c > /copied/c.txt && echo d > /copied/sub/d.txt && echo a > /out2
