FROM base
RUN mkdir /into && chown 1000:2000 /into && cd /into && printf '#!/bin/sh\nexec true\n' > run.sh && echo a > a.txt && chmod 750 . run.sh a.txt && chown 1000:2000 run.sh a.txt && echo by ADD > /added
RUN chmod 755 /into
