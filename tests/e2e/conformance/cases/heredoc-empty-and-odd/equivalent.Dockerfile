FROM base
RUN : > /empty && printf '\n# not a comment\nback\\slash \\\nFROM nowhere\n\n' > /odd
