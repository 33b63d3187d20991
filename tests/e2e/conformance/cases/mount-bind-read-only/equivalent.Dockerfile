FROM base
RUN echo refused > /good && echo changed > /seen && echo a > /after && printf 'Dockerfile\na.txt\nb.txt\ndir\nscript.sh\n' > /listing
