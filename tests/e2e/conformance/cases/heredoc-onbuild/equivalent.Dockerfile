FROM base
RUN echo text > /from-parent && echo ran > /ran
