FROM base
ENV NAME=expanded
RUN mkdir /dir && echo 'key = expanded' > /etc/one.conf && echo 'key = $NAME' > /etc/two.conf && echo first > /dir/EOF && echo second expanded > /dir/EOT
