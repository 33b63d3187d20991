FROM with-users
ADD --chown=web:www a.tar /t/
RUN chown -hR web:www /t && chmod 2750 /t/folder && chmod 4755 /t/folder/inner
