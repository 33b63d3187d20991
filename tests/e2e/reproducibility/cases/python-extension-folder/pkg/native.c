#include <Python.h>

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "native", 0, -1, 0};

PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&module); }
