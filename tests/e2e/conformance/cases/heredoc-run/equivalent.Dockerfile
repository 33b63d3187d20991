FROM base
RUN echo one > /one; echo "two /root" > /two; echo indented > /three
