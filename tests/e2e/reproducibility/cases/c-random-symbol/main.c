int NAME(void) { return 1; }

int main(void) { return NAME() - 1; }
