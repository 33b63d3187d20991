FROM base
RUN printf 'via sh\nafter\n' > /out
