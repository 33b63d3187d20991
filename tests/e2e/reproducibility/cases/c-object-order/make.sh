for n in $(seq 20); do printf 'const char text%s[] = "number %s";\n' $n $n >part$n.c; done
echo "int main(void) { return 0; }" >main.c
gcc -O0 -c *.c
gcc -Wl,--build-id=none -o /app $(ls *.o | shuf)
