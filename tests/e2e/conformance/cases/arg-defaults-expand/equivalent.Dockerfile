FROM base
ENV USES=pkg-1.2.tar LOCAL=1
RUN echo pkg-1.2.tar > /file
