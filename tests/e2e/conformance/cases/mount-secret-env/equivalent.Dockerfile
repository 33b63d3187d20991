FROM base
RUN echo ok > /file && echo ok > /variable && : > /run-listing
