FROM base
COPY a.txt /into/a.txt
COPY --chown=5:6 dir /tree
COPY --from=base /etc/passwd /passwd-copy
