FROM base
ENV NAME=value
RUN echo 'plain value' > /plain && echo 'quoted $NAME' > /quoted
RUN printf 'FIRST\nSECOND\n' > /tabs
