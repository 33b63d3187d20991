#include "common/base/wiping.h"

#include <string.h>  // explicit_bzero

namespace crossmill {

void WipeMemory(void* memory, size_t size) {
  if (size > 0) explicit_bzero(memory, size);
}

void Wipe(std::string* text) {
  // What lies behind its end too: it may have been longer.
  text->resize(text->capacity());
  WipeMemory(text->data(), text->size());
  text->clear();
}

}  // namespace crossmill
