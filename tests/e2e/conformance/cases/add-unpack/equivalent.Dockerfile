FROM base
COPY a.tar /t/
ADD a.tar /u/
