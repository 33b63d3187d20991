FROM base
ENV TO=/over/there
RUN echo c > /out
