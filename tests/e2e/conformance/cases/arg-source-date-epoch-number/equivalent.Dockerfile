FROM base
ARG SOURCE_DATE_EPOCH=1600000000
RUN echo "${SOURCE_DATE_EPOCH-unset}" > /outside
RUN echo "${SOURCE_DATE_EPOCH-unset}" > /inside
