FROM base
COPY one/two/x.txt /a/two/x.txt
COPY one/two/ /b/two/
COPY one/two/*.txt /c/
