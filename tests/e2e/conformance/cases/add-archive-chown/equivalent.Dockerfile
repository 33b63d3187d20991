FROM with-users AS made
ADD a.tar /t/
RUN cp -a /t /u && chown -hR web:www /u && chmod 2750 /u/folder && chmod 4755 /u/folder/inner
FROM with-users
COPY --from=made --chown=web:www /u /t
