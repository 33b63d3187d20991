FROM base
ENV SET=value EMPTY=
ENV A=value B=d C= D=d E=d
ENV F=alt G= H=alt I= J=
ENV K=value L= M=value N="a b" O=q
