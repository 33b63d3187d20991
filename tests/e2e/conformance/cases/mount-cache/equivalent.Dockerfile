FROM base
RUN echo first > /seen && : > /listing
