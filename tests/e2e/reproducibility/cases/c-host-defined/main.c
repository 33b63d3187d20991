#include <stdio.h>

int main(void) {
    puts("built on " HOST);
    return 0;
}
