FROM base
COPY dir/sub/d.txt /flat/dir/sub/d.txt
COPY a.txt /flat/a.txt
COPY dir /whole/dir
