FROM base AS s
COPY x /s
FROM base
COPY --from=s --exclude=y /s /one/
COPY --exclude=y x /two/
