FROM tiny
COPY seen /seen
