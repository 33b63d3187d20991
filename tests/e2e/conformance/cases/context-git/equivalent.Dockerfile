FROM base
RUN mkdir -p /all/sub && cd /all && echo first > file.txt && printf '#!/bin/sh\n' > run.sh && chmod 755 run.sh && echo inner > sub/inner.txt && printf 'FROM base\nCOPY . /all\n' > Dockerfile && printf 'FROM base\nCOPY . /sub-all\n' > sub/Dockerfile && ln -s file.txt link && echo main > main.txt
