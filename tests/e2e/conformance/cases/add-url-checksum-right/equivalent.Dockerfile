FROM base
ARG SERVER
ADD $SERVER/file.txt /x
