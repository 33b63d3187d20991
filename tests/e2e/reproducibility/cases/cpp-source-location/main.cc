#include <cstdio>
#include <source_location>

int main() { std::puts(std::source_location::current().file_name()); }
