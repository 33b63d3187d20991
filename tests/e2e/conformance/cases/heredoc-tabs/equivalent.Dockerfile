FROM base
RUN printf 'tabbed\n  then spaces\n  spaces stay\nEOF-not\n' > /tabs
