#include <cstdio>
#include <string>

int main() { std::puts(std::string("hello").c_str()); }
