FROM with-odd
RUN ls /odd > /odd-listing && echo other context > /shadow
