FROM base
RUN echo tool > /out && printf 'total   4\n-rw-r--r-- 9 9 tool\n' > /ls && echo setuid > /odd
