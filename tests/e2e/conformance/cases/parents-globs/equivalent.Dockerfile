FROM base
COPY a/package.json /one/a/package.json
COPY b/package.json /one/b/package.json
COPY package.json /all/package.json
COPY a/package.json /all/a/package.json
COPY a/deep/package.json /all/a/deep/package.json
COPY b/package.json /all/b/package.json
