#include <cstdio>
#include "version.h"

int main() { std::puts(BUILT); }
