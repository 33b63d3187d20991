FROM base
ENV FILE=/usr/local/lib/libfoo.so.1.2 TEXT=banana
ENV A=usr/local/lib/libfoo.so.1.2 B=libfoo.so.1.2 C=/usr/local/lib/libfoo.so.1 D=/usr/local/lib/libfoo
ENV E=bANana F=bANANa G=bnn H=XXnana I=banana J=bana
