FROM base
RUN echo seeded > /out
