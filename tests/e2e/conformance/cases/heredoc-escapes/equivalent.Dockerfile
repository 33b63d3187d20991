FROM base
ENV SET=value
RUN printf '%s\n' '$SET value fallback "value" '"'value'" > /out
