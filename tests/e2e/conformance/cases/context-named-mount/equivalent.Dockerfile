FROM base
RUN echo other context > /out
