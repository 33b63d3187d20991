FROM base
ADD arch.tar /x/
