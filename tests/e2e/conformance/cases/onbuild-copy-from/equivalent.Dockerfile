FROM base
RUN echo tool > /tool && echo tool > /seen
