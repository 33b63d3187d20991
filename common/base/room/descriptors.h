// How many files this process may open: each connection is one.
#pragma once

#include <cstddef>

namespace crossmill {

// That many, raised as far as this process may raise it; where it may not, it is what it was. Usually there
// are 1,024, for the sake of programs that call select.
size_t RaiseDescriptorLimit();

}  // namespace crossmill
