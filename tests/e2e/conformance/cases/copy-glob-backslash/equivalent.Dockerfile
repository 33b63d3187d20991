FROM base
COPY --chmod=644 <<EOF /one.txt
star
EOF
COPY --chmod=644 <<EOF /two.txt
what
EOF
